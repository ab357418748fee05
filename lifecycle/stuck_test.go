package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

func TestStuckError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("host gave up")
		release := make(chan struct{})
		root := New(Config{Name: "app"})
		behind := root.Go("behind", untilDone)
		time.Sleep(time.Second)
		child := root.Child("sources")
		child.Go("deaf", stubborn(release))
		child.Go("good", untilDone)
		time.Sleep(1300 * time.Millisecond)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4700*time.Millisecond, cause)
		defer cancel()
		start := time.Now()
		err := root.Close(ctx)
		if d := time.Since(start); d != 4700*time.Millisecond {
			t.Errorf("Close took %v, want its 4.7s", d)
		}
		var stuck *StuckError
		if !errors.As(err, &stuck) || !errors.Is(err, cause) {
			t.Fatalf("Close = %v, want a StuckError with the cause", err)
		}
		want := []Running{
			{Name: "app/behind", Age: 7 * time.Second},
			{Name: "app/sources/deaf", Age: 6 * time.Second, Stopping: 4700 * time.Millisecond},
		}
		if !slices.Equal(stuck.Running, want) {
			t.Errorf("Running = %+v\nwant %+v", stuck.Running, want)
		}
		text := "lifecycle: close: 2 still running: app/sources/deaf (told to stop 4.7s ago, age 6s), app/behind (age 7s): host gave up"
		if err.Error() != text {
			t.Errorf("Error = %s\nwant    %s", err, text)
		}
		if !strings.Contains(string(stuck.Profile), `"logferry":"app/sources/deaf"`) || !strings.Contains(string(stuck.Profile), "stubborn") {
			t.Errorf("the profile does not attribute the stuck goroutine:\n%s", stuck.Profile)
		}
		// What was waiting behind the stuck task has been told by now.
		if err := behind.Wait(t.Context()); err != nil {
			t.Errorf("Wait = %v", err)
		}
		if n := root.Count(""); n != 1 {
			t.Errorf("Count = %d, want the stuck one", n)
		}
		close(release)
		if err := root.Close(t.Context()); err != nil {
			t.Errorf("second Close = %v, want nil after the release", err)
		}
	})
}

func TestStuckErrorBoundsItsText(t *testing.T) {
	e := &StuckError{Running: make([]Running, 1000), Cause: context.DeadlineExceeded}
	for i := range e.Running {
		e.Running[i].Name = fmt.Sprintf("task-%03d", i)
	}
	if got := e.Error(); strings.Count(got, "task-") != 64 || !strings.Contains(got, "and 936 more: context deadline exceeded") {
		t.Error(got)
	}
}

// lastMoment is a ctx that is done from when somebody waits for it, by which time the task has ended.
type lastMoment struct {
	context.Context
	end func()
}

func (c lastMoment) Done() <-chan struct{} {
	c.end()
	done := make(chan struct{})
	close(done)
	return done
}

func TestAllEndAsTheDeadlinePasses(t *testing.T) {
	for range 50 { // The select in Close chooses at random.
		s := New(Config{})
		release := make(chan struct{})
		h := s.Go("x", stubborn(release))
		ctx := lastMoment{t.Context(), func() { close(release); <-h.Done() }}
		if err := s.Close(ctx); err != nil {
			t.Fatalf("Close = %v, though nobody is stuck", err)
		}
	}
}

// One caller's impatience is not another's.
func TestCloseOutlivesAnImpatientOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		release := make(chan struct{})
		s.Go("x", stubborn(release))
		patient := make(chan error)
		go func() { patient <- s.Close(t.Context()) }()
		ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want its deadline", err)
		}
		close(release)
		if err := <-patient; err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}
