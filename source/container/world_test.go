package container

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
)

// A world is an engine without a log: containers, what happens to them, and what
// goes wrong. It is for tests in bubbles.
type world struct {
	mu    sync.Mutex
	all   map[string]*life
	ring  []event // the last 256
	ears  map[*ear]struct{}
	calls map[string]int
	asked []time.Time // pings
	told  int         // events, to all ears

	version  apiVersion
	down     error                           // of everything
	failList error                           // of lists alone
	failEars error                           // of event streams alone, at once
	mute     bool                            // events reach nobody
	unopened bool                            // event streams do not say that they are open
	slow     func()                          // before a list is answered, after it was made
	tamper   func(l []summary) []summary     // with lists
	deliver  func(e event, hear func(event)) // how an event reaches an ear
}

// A life is that of one container.
type life struct {
	summary
	runs int
}

// An ear is an event stream.
type ear struct {
	queue []event
	wake  chan struct{} // holds a token while there is something to do
	err   error
}

func newWorld() *world {
	return &world{all: map[string]*life{}, ears: map[*ear]struct{}{}, calls: map[string]int{}, version: apiVersion{1, 45}}
}

func (w *world) call(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[name]++
	if name == "ping" {
		w.asked = append(w.asked, time.Now())
	}
	return w.down
}

func (w *world) ping(ctx context.Context) (apiVersion, error) {
	if err := w.call("ping"); err != nil {
		return apiVersion{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version != (apiVersion{1, 45}) {
		return w.version, errVersionChanged
	}
	return w.version, ctx.Err()
}

func (w *world) list(ctx context.Context) ([]summary, error) {
	if err := w.call("list"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	var l []summary
	for _, c := range w.all {
		l = append(l, c.summary)
	}
	err, slow := w.failList, w.slow
	if w.tamper != nil {
		l = w.tamper(l)
	}
	w.mu.Unlock()
	if slow != nil {
		slow()
	}
	return l, errors.Join(err, ctx.Err())
}

func (w *world) inspect(context.Context, string) (details, error) { return details{}, errGone }

func (w *world) logs(context.Context, string, logRequest) (io.ReadCloser, error) { return nil, errGone }

func (w *world) close(context.Context) error { return nil }

func (w *world) events(ctx context.Context, since time.Time, each func(event)) error {
	if err := w.call("events"); err != nil {
		return err
	}
	e := &ear{wake: make(chan struct{}, 1)}
	w.mu.Lock()
	if w.failEars != nil {
		defer w.mu.Unlock()
		return w.failEars
	}
	w.ears[e] = struct{}{}
	for _, old := range w.ring {
		if !since.IsZero() && !old.at.Before(since) {
			w.pass(e, old)
		}
	}
	unopened := w.unopened
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.ears, e)
	}()
	if !unopened {
		each(event{})
	}
	for {
		select {
		case <-e.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		w.mu.Lock()
		queue, err := e.queue, e.err
		e.queue = nil
		w.mu.Unlock()
		for _, ev := range queue {
			each(ev)
		}
		if err != nil {
			return err
		}
	}
}

// pass hands an event to an ear. The caller holds the lock.
func (w *world) pass(e *ear, ev event) {
	hear := func(ev event) {
		w.told++
		e.queue = append(e.queue, ev)
		e.poke()
	}
	if w.deliver != nil {
		w.deliver(ev, hear)
		return
	}
	hear(ev)
}

func (e *ear) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// tell tells all ears of an event. The caller holds the lock.
func (w *world) tell(action, id string) {
	ev := event{action: action, id: id, at: time.Now()}
	w.ring = append(w.ring, ev)
	w.ring = w.ring[max(0, len(w.ring)-256):]
	for e := range w.ears {
		if !w.mute {
			w.pass(e, ev)
		}
	}
}

// do changes the world, in one step.
func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) create(id, name string) {
	w.do(func() {
		w.all[id] = &life{summary: summary{id: id, name: name, state: "created"}}
		w.tell("create", id)
	})
}

func (w *world) start(id string) {
	w.do(func() {
		w.all[id].state = "running"
		w.all[id].runs++
		w.tell("start", id)
	})
}

func (w *world) exit(id string) {
	w.do(func() {
		w.all[id].state = "exited"
		w.tell("die", id)
	})
}

func (w *world) rename(id, name string) {
	w.do(func() {
		w.all[id].name = name
		w.tell("rename", id)
	})
}

func (w *world) remove(id string) {
	w.do(func() {
		delete(w.all, id)
		w.tell("destroy", id)
	})
}

// open tells all ears that they are open.
func (w *world) open() {
	w.do(func() {
		for e := range w.ears {
			e.queue = append(e.queue, event{})
			e.poke()
		}
	})
}

// add makes containers that are there before anybody looks.
func (w *world) add(state string, ids ...string) {
	for _, id := range ids {
		w.all[id] = &life{summary: summary{id: id, name: "name-" + id, state: state}, runs: 1}
	}
}

// breakEars ends all event streams; a restart of the engine forgets what was as well.
func (w *world) breakEars(err error, restart bool) {
	w.do(func() {
		for e := range w.ears {
			e.err = err
			e.poke()
		}
		if restart {
			w.ring = nil
		}
	})
}

func (w *world) count(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[call]
}

// A trial runs a discovery in a world.
type trial struct {
	*world
	*book
	d      *discovery
	log    *bytes.Buffer // read it when all is quiet
	cancel context.CancelFunc
	done   chan error
}

// explore starts a discovery. It ends with the test, at once and without a failure.
func explore(t *testing.T, w *world, cfg Config) *trial {
	t.Helper()
	b := &book{w: w, entries: map[string]life{}}
	tr := &trial{world: w, book: b, log: new(bytes.Buffer), done: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(tr.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	super := lifecycle.New(lifecycle.Config{Name: "test"})
	tr.d = newDiscovery(w, b, selectorFor(t, cfg), log, super.Go)
	var ctx context.Context
	ctx, tr.cancel = context.WithCancel(t.Context())
	go func() { tr.done <- tr.d.run(ctx) }()
	t.Cleanup(func() {
		began := time.Now()
		tr.cancel()
		if err := <-tr.done; err != nil {
			t.Errorf("run: %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("run ended after %v", took)
		}
		if running := super.Running(); len(running) > 0 {
			t.Errorf("not joined: %v", running)
		}
		if err := super.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tr
}
