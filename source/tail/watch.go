package tail

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// A watch collects the events of folders. They are hints: what they tell is
// looked up, and what they do not tell is found by polling.
type watch struct {
	w *fsnotify.Watcher
	// wake holds a token while there are hints.
	wake chan struct{}

	mu    sync.Mutex
	hints hints
}

// A hints says which paths were touched since the last look.
type hints struct {
	written map[string]struct{}
	changed map[string]struct{} // created, renamed or removed
	missed  bool                // events were lost: anything may have happened
}

// newWatch starts fsnotify's reader, which close waits for.
func newWatch() (*watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("tail: watching folders: %w", err)
	}
	return &watch{w: w, wake: make(chan struct{}, 1)}, nil
}

// add watches one more folder. Adding one twice does nothing.
func (w *watch) add(folder string) error { return w.w.Add(folder) }

// remove watches a folder no more. It may be gone already, and with it the
// watch: that is no error.
func (w *watch) remove(folder string) { w.w.Remove(folder) }

// run collects events until ctx is done.
func (w *watch) run(ctx context.Context) error {
	for {
		select {
		case e, ok := <-w.w.Events:
			if !ok {
				return nil
			}
			w.note(e)
		case err, ok := <-w.w.Errors:
			if !ok {
				return nil
			}
			// Whatever failed, polling finds what it hides.
			w.miss(errors.Is(err, fsnotify.ErrEventOverflow))
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *watch) note(e fsnotify.Event) {
	w.mu.Lock()
	if e.Has(fsnotify.Create | fsnotify.Rename | fsnotify.Remove) {
		if w.hints.changed == nil {
			w.hints.changed = map[string]struct{}{}
		}
		w.hints.changed[e.Name] = struct{}{}
	} else if e.Has(fsnotify.Write) {
		if w.hints.written == nil {
			w.hints.written = map[string]struct{}{}
		}
		w.hints.written[e.Name] = struct{}{}
	}
	w.mu.Unlock()
	w.signal()
}

func (w *watch) miss(overflow bool) {
	if !overflow {
		return
	}
	w.mu.Lock()
	w.hints.missed = true
	w.mu.Unlock()
	w.signal()
}

func (w *watch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns the hints so far and forgets them.
func (w *watch) take() hints {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hints
	w.hints = hints{}
	return h
}

// close ends fsnotify's reader and waits for it.
func (w *watch) close() error {
	if err := w.w.Close(); err != nil {
		return err // nothing tells whether the reader ends
	}
	w.join()
	return nil
}

// join waits for fsnotify's reader after it was told to end. On macOS and the
// BSDs, Close only tells it; everywhere, the last it does is to close both
// channels (fsnotify 1.10: readEvents of each backend).
func (w *watch) join() {
	for range w.w.Events {
	}
	for range w.w.Errors {
	}
}
