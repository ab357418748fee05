package file

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What goes before a path if what is wrong with it is not the writing.
const (
	troubleRotate = "rotate:"
	troubleSync   = "sync:"
	troubleTidy   = "tidy:" // alone: it is looked into again and again, and no path has to be named
)

const (
	// maxTroubles bounds what Health remembers: of more, the latest.
	maxTroubles = 16
	// troubleLasts is how long something is wrong with a path that nobody tried again: it may be that of yesterday,
	// or of what a route has dropped. Those who retry do so more often.
	troubleLasts = 5 * time.Minute
)

// troubles are what went wrong when it was last tried, by what that was.
type troubles struct {
	n  atomic.Int32 // of them, so that nothing is locked while all is well
	mu sync.Mutex
	by map[string]trouble
}

type trouble struct {
	err error
	at  time.Time
}

// note keeps err, or forgets what there was if it is nil.
func (t *troubles) note(what string, err error) {
	if err == nil && t.n.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.by, what)
	} else {
		if t.by == nil {
			t.by = map[string]trouble{}
		}
		t.by[what] = trouble{err, time.Now()}
	}
	t.forget()
}

// forget removes what is over, and the oldest of what is too much.
func (t *troubles) forget() {
	maps.DeleteFunc(t.by, func(what string, x trouble) bool { return what != troubleTidy && time.Since(x.at) >= troubleLasts })
	for len(t.by) > maxTroubles {
		delete(t.by, slices.MinFunc(slices.Collect(maps.Keys(t.by)), func(a, b string) int { return t.by[a].at.Compare(t.by[b].at) }))
	}
	t.n.Store(int32(len(t.by)))
}

func (t *troubles) join() error {
	if t.n.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget()
	var errs []error
	for _, what := range slices.Sorted(maps.Keys(t.by)) {
		errs = append(errs, t.by[what].err)
	}
	return errors.Join(errs...)
}
