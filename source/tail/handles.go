package tail

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// open makes sure that f is open and known to be what it was, as far as its
// first bytes tell. It reports false if f is not to be read now.
func (s *scanner) open(f *file, now time.Time) bool {
	if f.h == nil && !s.reopen(f, now) {
		return false
	}
	s.opened.MoveToFront(f.lru)
	if int64(len(f.prefix)) < min(printMax, f.size) && !s.extend(f) {
		s.dequeue(f)
		s.verify(f, now)
		return false
	}
	return f.begun || s.ripe(f, now)
}

// ripe reports whether a file that has never been read is to be read now.
func (s *scanner) ripe(f *file, now time.Time) bool {
	if len(f.prefix) == 0 {
		s.extend(f) // it may have grown since it was looked at
	}
	if len(f.prefix) == 0 && !f.announce && !f.resumed {
		// There is nothing to read, and nothing to tell it from a copy that
		// is about to be made.
		f.resting = true
		if !f.moved.IsZero() {
			s.drain(f, now)
		}
		return false
	}
	if f.weighed || f.resumed {
		return true
	}
	f.weighed = true
	if of := s.original(f, now); of != nil {
		f.held, f.heldAt = of, now
		f.show(Waiting)
		s.agenda.hasten(of, now)
		return false
	}
	return true
}

// reopen opens a file that was closed to save handles.
func (s *scanner) reopen(f *file, now time.Time) bool {
	if f.at == "" {
		return s.seek(f)
	}
	h, err := openPath(f.at)
	if err != nil {
		s.broken(f, err, now)
		return false
	}
	st, err := statFile(h)
	if err != nil || st.id != f.id {
		h.Close()
		s.agenda.hasten(f, now) // it has left: poll finds out
		return false
	}
	s.takeHandle(f, h)
	return true
}

// seek looks for a closed file that is not where it was, among the files in
// the same folder.
func (s *scanner) seek(f *file) bool {
	for _, path := range siblings(f.where()) {
		st, err := statPath(path)
		if err != nil || st.id != f.id || !st.mode.IsRegular() {
			continue
		}
		h, err := openPath(path)
		if err != nil {
			continue
		}
		if st, err := statFile(h); err != nil || st.id != f.id || !f.mark().holds(h, s.buf) {
			h.Close()
			continue
		}
		s.takeHandle(f, h)
		return true
	}
	return false
}

// siblings are the paths of everything in the folder of path.
func siblings(path string) []string {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	paths := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// takeHandle gives f its handle, and closes others if too many are open.
func (s *scanner) takeHandle(f *file, h *os.File) {
	f.h = h
	f.lru = s.opened.PushFront(f)
	for e := s.opened.Back(); e != nil && s.opened.Len() > s.MaxOpen; {
		g := e.Value.(*file)
		e = e.Prev()
		if g != f && g.spare() {
			s.shut(g)
		}
	}
}

// spare reports whether f can be closed: it is where it can be opened again,
// and nobody is about to read it.
func (f *file) spare() bool {
	return !f.busy && f.at != "" && f.moved.IsZero() && f.held == nil && f.resting
}

// shut closes f, if it is open. Not while a reader has it.
func (s *scanner) shut(f *file) {
	if f.h == nil {
		return
	}
	closeFile(f.h)
	s.opened.Remove(f.lru)
	f.h, f.lru = nil, nil
}

// yield gives up f's handle without closing it.
func (s *scanner) yield(f *file) *os.File {
	h := f.h
	if h != nil {
		s.opened.Remove(f.lru)
		f.h, f.lru = nil, nil
	}
	return h
}

// lost logs that what a file held can be read no more.
func (s *scanner) lost(f *file, why string) {
	if n := f.unread(); n > 0 {
		s.log.Error(why, slog.String("path", f.path), slog.Int64("bytes", n))
	}
}
