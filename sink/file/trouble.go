package file

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// What goes before a path if what is wrong with it is not the writing.
const (
	troubleRotate = "rotate:"
	troubleSync   = "sync:"
	troublePack   = "pack:"
	troubleTidy   = "tidy:"
)

// maxTroubles bounds what Health remembers.
const maxTroubles = 16

// troubles are what went wrong when it was last tried, by what that was.
type troubles struct {
	n  atomic.Int32 // of them, so that nothing is locked while all is well
	mu sync.Mutex
	by map[string]error
}

// note keeps err, or forgets what there was if it is nil.
func (t *troubles) note(what string, err error) {
	if err == nil && t.n.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.by[what]
	switch {
	case err == nil:
		delete(t.by, what)
	case known || len(t.by) < maxTroubles:
		if t.by == nil {
			t.by = map[string]error{}
		}
		t.by[what] = err
	}
	t.n.Store(int32(len(t.by)))
}

func (t *troubles) join() error {
	if t.n.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, what := range slices.Sorted(maps.Keys(t.by)) {
		errs = append(errs, t.by[what])
	}
	return errors.Join(errs...)
}
