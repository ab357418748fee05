package lifecycletest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// A Life is one instance of the component under test.
type Life struct {
	// Start brings the instance to life and does not wait for its end. Nil: it is alive when it is made, as a
	// lifecycle.Supervisor is.
	Start func(ctx context.Context) error

	// Close ends it and waits until nothing of it is left, or ctx ends.
	Close func(ctx context.Context) error
}

const (
	crowd    = 100              // goroutines that call one instance at once
	lives    = 50               // instances that live at the same time
	patience = 30 * time.Second // bound on every call; reaching it is a hang
)

// Stress makes instances with born, over and over, and fails t unless
//   - Close returns nil, also when it is called again, by 100 goroutines at once, before Start, or instead of Start;
//   - Start fails once Close has returned;
//   - 100 goroutines that call Start and Close of one instance in any order do no harm;
//   - Close with a ctx that is done returns at once, and a further Close finishes the work;
//   - Start with a ctx that is done does no harm;
//   - 50 instances may live at once;
//   - nothing panics, and no goroutine outlives the Close of its instance.
//
// It takes a call that needs more than 30 s for a hang. born is called from the test's goroutine and returns an instance
// that has nothing to do with the ones before; its Close must return nil if all went well. Run it with -race.
func Stress(t testing.TB, born func() Life) {
	t.Helper()
	before := takeBaseline()
	for _, trial := range trials {
		s := &stressed{tb: t, name: trial.name}
		trial.run(s, born)
		if left := before.newcomers(leakPatience); len(left) > 0 {
			s.errorf("%d goroutines outlived Close:\n%s", len(left), text(left))
		}
		if s.failed() {
			return // What is left of this trial would be blamed on the next one.
		}
	}
}

var trials = []struct {
	name string
	run  func(s *stressed, born func() Life)
}{
	{"one life", (*stressed).oneLife},
	{"Close before Start", (*stressed).closeFirst},
	{"Close by many", (*stressed).manyClosers},
	{"Start and Close by many", (*stressed).startRacingClose},
	{"ctx of Close is done", (*stressed).impatientClose},
	{"ctx of Start is done", (*stressed).cancelledStart},
	{"many lives at once", (*stressed).manyLives},
}

func (s *stressed) oneLife(born func() Life) {
	for range 3 {
		l := born()
		s.mustStart(l)
		s.mustClose(l)
		s.mustClose(l)
		s.mustRefuse(l)
	}
}

func (s *stressed) closeFirst(born func() Life) {
	l := born()
	s.mustClose(l)
	s.mustRefuse(l)
	s.mustClose(l)
}

func (s *stressed) manyClosers(born func() Life) {
	l := born()
	s.mustStart(l)
	s.together(crowd, func(int) { s.mustClose(l) })
}

func (s *stressed) startRacingClose(born func() Life) {
	for range 5 {
		l := born()
		s.together(crowd, func(i int) {
			if i%2 == 0 {
				s.start(context.Background(), l) // May fail: it is not the first, or comes too late.
			} else {
				s.mustClose(l)
			}
		})
		s.mustClose(l)
		s.mustRefuse(l)
	}
}

func (s *stressed) impatientClose(born func() Life) {
	l := born()
	s.mustStart(l)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	s.close(done, l) // May fail: nobody has waited.
	s.mustClose(l)
}

func (s *stressed) cancelledStart(born func() Life) {
	l := born()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	s.start(done, l) // May fail, but must not leave Close without an answer.
	s.mustClose(l)
}

func (s *stressed) manyLives(born func() Life) {
	all := make([]Life, lives)
	for i := range all {
		all[i] = born()
	}
	// In two steps, so that there is an instant at which all of them live.
	s.together(lives, func(i int) { s.mustStart(all[i]) })
	s.together(2*lives, func(i int) { s.mustClose(all[i/2]) })
}

// stressed reports on one trial. It may be used by many goroutines, and goes silent after the first few failures.
type stressed struct {
	tb   testing.TB
	name string

	mu       sync.Mutex
	failures int
}

func (s *stressed) errorf(format string, args ...any) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures++; s.failures <= 5 {
		s.tb.Errorf("lifecycletest: %s: %s", s.name, fmt.Sprintf(format, args...))
	}
}

func (s *stressed) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures > 0
}

func (s *stressed) mustStart(l Life) {
	if err := s.start(context.Background(), l); err != nil && err != errReported {
		s.errorf("Start: %v", err)
	}
}

// mustRefuse starts what was closed.
func (s *stressed) mustRefuse(l Life) {
	if l.Start != nil && s.start(context.Background(), l) == nil {
		s.errorf("Start after Close returned nil")
	}
}

func (s *stressed) mustClose(l Life) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.close(ctx, l); err != nil && err != errReported {
		s.errorf("Close: %v", err)
	}
}

func (s *stressed) start(ctx context.Context, l Life) error {
	if l.Start == nil {
		return nil
	}
	return s.bounded("Start", func() error { return l.Start(ctx) })
}

func (s *stressed) close(ctx context.Context, l Life) error {
	return s.bounded("Close", func() error { return l.Close(ctx) })
}

// errReported stands for a call that did not return; the test knows already.
var errReported = errors.New("reported")

// bounded calls f in a goroutine of its own, so that a hang, a panic or a Goexit costs one error and not the test binary.
// Only the caller reports: a call that hangs may come back after the test's end.
func (s *stressed) bounded(what string, f func() error) error {
	returned, crashed := make(chan error, 1), make(chan string, 1)
	go func() {
		done := false
		defer func() {
			if !done {
				crashed <- fmt.Sprintf("panic or Goexit: %v\n%s", recover(), debug.Stack())
			}
		}()
		err := f()
		done = true
		returned <- err
	}()
	timeout := time.NewTimer(patience + patience/10)
	defer timeout.Stop()
	select {
	case err := <-returned:
		return err
	case how := <-crashed:
		s.errorf("%s: %s", what, how)
	case <-timeout.C:
		s.errorf("%s hangs:\n%s", what, text(goroutines()))
	}
	return errReported
}

// together calls f(0) to f(n-1) from n goroutines that are let go at one instant, and waits for them all.
func (s *stressed) together(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}
