package sourcetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// patience is how long the kit waits for anything that a source does. What it does
// at all it does in milliseconds; the rest is for a machine that is busy.
const patience = 30 * time.Second

// sessionName is the name of the source, and so the first part of its keys in
// the checkpoints; the other two are the paths of the supervisor and of the
// task that is Run.
const (
	sessionName = "source"
	superName   = "sourcetest"
	runPath     = superName + "/run"
)

// A Session is a source that is being run. Its methods may be called
// concurrently.
type Session struct {
	r        *Receiver
	super    *lifecycle.Supervisor
	out      *source.Outlet
	saver    *source.Saver
	stop     func() error
	patience time.Duration

	mu       sync.Mutex
	run      *lifecycle.Handle
	over     bool // Run has returned and is not called again
	failures []error
}

// Start runs src as a pipeline would: what it sends arrives at r, a failure is
// followed by another run, 10 ms later and then at growing intervals, and
// cursors come from c, nil meaning that there are none. They go back there with
// Save and Stop, not by themselves, under keys that begin with "source/". The
// session is stopped when the test ends, which fails then if Run ever panicked
// or r has an Err.
func Start(t testing.TB, src source.Source, r *Receiver, c source.Checkpoints) *Session {
	t.Helper()
	return start(t, src, r, c, patience)
}

func start(t testing.TB, src source.Source, r *Receiver, c source.Checkpoints, patience time.Duration) *Session {
	t.Helper()
	saver, err := source.NewSaver(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{r: r, saver: saver, patience: patience}
	s.super = lifecycle.New(lifecycle.Config{Name: superName, OnEvent: s.note})
	s.out = source.NewOutlet(source.OutletConfig{Name: sessionName, Receiver: r, Saver: saver, Supervisor: s.super})
	s.stop = sync.OnceValue(s.end)
	s.Again(src)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("sourcetest: stop: %v", err)
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		for _, err := range s.Failures() {
			if p, ok := errors.AsType[*lifecycle.PanicError](err); ok {
				t.Errorf("sourcetest: Run panicked: %v\n%s", p.Value, p.Stack)
			}
		}
	})
	return s
}

// note keeps the failures, and tells who waits at the receiver that nothing more
// will come.
func (s *Session) note(e lifecycle.Event) {
	switch e.Kind {
	case lifecycle.Restarting:
		s.mu.Lock()
		s.failures = append(s.failures, e.Err)
		s.mu.Unlock()
	case lifecycle.Finished, lifecycle.Stopped, lifecycle.Failed:
		if e.Task != runPath {
			return // a helper
		}
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.r.wake()
	}
}

// ended reports whether Run has returned for good.
func (s *Session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// Again runs src, the same or another one, after the run before it has ended by
// itself. Streams go on from the cursors in memory.
func (s *Session) Again(src source.Source) {
	s.mu.Lock()
	s.over = false
	s.mu.Unlock()
	h := s.super.Start(lifecycle.Task{
		Name:    "run",
		Restart: lifecycle.Restart{Min: 10 * time.Millisecond, Max: time.Second},
		Run:     func(ctx context.Context) error { return s.out.Run(ctx, src) },
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = h
}

// Failures returns what Run of the source has failed with so far, oldest first.
func (s *Session) Failures() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.failures...)
}

// Outlet returns what the source sends through.
func (s *Session) Outlet() *source.Outlet { return s.out }

// Save writes the cursors that have changed to the checkpoints.
func (s *Session) Save() error { return s.saver.Save(context.Background()) }

// Interrupt ends the ctx of Run and reports whether it returned within 30 s. The
// session goes on; see Again.
func (s *Session) Interrupt() bool {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	run.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	run.Wait(ctx)
	select {
	case <-run.Done():
		return true
	default:
		return false
	}
}

// Stop ends the ctx of Run, waits until it and its helpers have returned, and
// saves the cursors. What is held by the receiver stays held. The error is a
// *lifecycle.StuckError if that takes more than 30 s, or that of Save, or that of
// helpers. It may be called more than once, and returns the same.
func (s *Session) Stop() error { return s.stop() }

func (s *Session) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	if err := s.super.Close(ctx); err != nil {
		return err
	}
	return s.Save()
}
