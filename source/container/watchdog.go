package container

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// patience is how long a log that is read, not followed, may send nothing:
	// the engine has it all.
	patience = 30 * time.Second
	// patrol is how often that is looked at.
	patrol = 5 * time.Second
)

var errSilence = errors.New("the engine has stopped sending the log")

// A watchdog ends reads for which nothing comes: a connection that is dead
// without having been closed would keep its reader for ever.
type watchdog struct {
	mu    sync.Mutex
	reads map[*vigil]struct{}
}

// A vigil is a read that is waited for by one goroutine at a time.
type vigil struct {
	cancel context.CancelCauseFunc
	since  time.Time // that it is waited for; zero: it is not
}

func newWatchdog() *watchdog { return &watchdog{reads: map[*vigil]struct{}{}} }

// guard returns a ctx for a read that is waited for at times, and what to call
// in the end.
func (w *watchdog) guard(ctx context.Context) (_ context.Context, r *vigil, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r = &vigil{cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[r] = struct{}{}
	return ctx, r, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.reads, r)
	}
}

// wait calls fill, which waits for what is read.
func (w *watchdog) wait(r *vigil, fill func() error) error {
	w.note(r, time.Now())
	defer w.note(r, time.Time{})
	return fill()
}

func (w *watchdog) note(r *vigil, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.since = since
}

// run is a helper of Run.
func (w *watchdog) run(ctx context.Context) error {
	ticker := time.NewTicker(patrol)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			w.look(now)
		}
	}
}

func (w *watchdog) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.reads {
		if !r.since.IsZero() && now.Sub(r.since) >= patience {
			r.cancel(errSilence)
		}
	}
}
