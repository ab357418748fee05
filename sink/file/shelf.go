package file

import (
	"maps"
	"slices"
	"sync"
)

// A shelf holds the logs that are in use, or have a file open, and knows which of the latter was not used for the longest
// time.
type shelf struct {
	mu     sync.Mutex
	logs   map[string]*log
	newest *log // of those with an open file, a ring
	open   int
	owed   map[string]bool // paths of files that were closed before they were flushed
}

// hold returns the log at path, until it is released.
func (h *shelf) hold(s *Sink, path string) *log {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[path]
	if l == nil {
		l = &log{sink: s, path: path, turn: make(chan struct{}, 1)}
		h.logs[path] = l
	}
	l.users++
	return l
}

func (h *shelf) release(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.users--
	h.forget(l)
}

// forget removes a log that nobody needs.
func (h *shelf) forget(l *log) {
	if l.users == 0 && !l.listed() {
		delete(h.logs, l.path)
	}
}

// listed reports whether l is known to have an open file.
func (l *log) listed() bool { return l.older != nil }

// opened notes that l has a file open.
func (h *shelf) opened(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open++
	h.push(l)
}

func (h *shelf) push(l *log) {
	if h.newest == nil {
		l.older, l.newer = l, l
	} else {
		oldest := h.newest.newer
		l.older, l.newer = h.newest, oldest
		h.newest.newer, oldest.older = l, l
	}
	h.newest = l
}

func (h *shelf) pull(l *log) {
	l.older.newer, l.newer.older = l.newer, l.older
	if h.newest == l {
		h.newest = l.older
	}
	if l.older == l {
		h.newest = nil
	}
	l.older, l.newer = nil, nil
}

// used notes that l was used just now.
func (h *shelf) used(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest != l {
		h.pull(l)
		h.push(l)
	}
}

// closed notes that l has no file open any more.
func (h *shelf) closed(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	h.pull(l)
	h.forget(l)
}

// victim returns a log to close if most or more files are open: of those whose turn is to be had without waiting, the
// one that was not used for the longest time. The caller has its turn then. Nobody waits for a turn who has another:
// that is why this cannot deadlock.
func (h *shelf) victim(most int) *log {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open < most {
		return nil
	}
	oldest := h.newest.newer
	for l := oldest; ; l = l.newer {
		if l.tryLock() {
			return l
		}
		if l.newer == oldest {
			return nil
		}
	}
}

// all holds every log that has a file open.
func (h *shelf) all() (logs []*log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.logs {
		if l.listed() {
			l.users++
			logs = append(logs, l)
		}
	}
	return logs
}

func (h *shelf) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// owe notes that the file at path is closed, and must be flushed.
func (h *shelf) owe(path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owed == nil {
		h.owed = map[string]bool{}
	}
	h.owed[path] = true
}

// settle reports whether the file at path must be flushed, which is up to the caller then.
func (h *shelf) settle(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	owed := h.owed[path]
	delete(h.owed, path)
	return owed
}

// debts returns all that must be flushed, which is up to the caller then.
func (h *shelf) debts() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	paths := slices.Collect(maps.Keys(h.owed))
	clear(h.owed)
	return paths
}
