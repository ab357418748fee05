package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

// journal is a list that tasks append to.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// lingering returns a Run that notes when it is told to stop and when, d later, it has.
func (j *journal) lingering(name string, d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		j.add("stop " + name)
		time.Sleep(d)
		j.add("end " + name)
		return nil
	}
}

// stubborn returns a Run that ignores ctx until release is closed.
func stubborn(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error { <-release; return nil }
}

func TestCloseOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		s.Child("a").Child("b")
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			// Nothing is left to wait for, so that even a ctx that is done cannot be stuck.
			if err := s.Close(done); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		if !errors.Is(context.Cause(s.Context()), ErrClosed) {
			t.Errorf("cause = %v, want ErrClosed", context.Cause(s.Context()))
		}
		if h := s.Go("x", untilDone); !errors.Is(h.Err(), ErrClosed) {
			t.Errorf("Start after Close: %v", h.Err())
		}
		child := s.Child("late")
		if h := child.Go("x", untilDone); !errors.Is(h.Err(), ErrClosed) || child.Context().Err() == nil {
			t.Errorf("Start in a child that is made after Close: %v", h.Err())
		}
		if err := child.Close(t.Context()); err != nil {
			t.Errorf("Close of a child that is made after Close: %v", err)
		}
	})
}

func TestCloseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		root := New(Config{})
		root.Go("root", j.lingering("root", time.Second))
		older := root.Child("older")
		newer := root.Child("newer")
		older.Go("older", j.lingering("older", time.Second))
		newer.Go("newer", j.lingering("newer", time.Second))
		newer.Child("deep").Go("deep", j.lingering("deep", time.Second))
		synctest.Wait()
		if err := root.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"stop deep", "end deep", "stop newer", "end newer", "stop older", "end older", "stop root", "end root"}
		if !slices.Equal(j.lines, want) {
			t.Errorf("got %q\nwant %q", j.lines, want)
		}
	})
}

// The contexts that Context returns all end when Close begins, though the tasks' end in order.
func TestContextEndsWhenCloseBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(Config{})
		newer := root.Child("a").Child("b")
		release := make(chan struct{})
		root.Child("c").Go("x", stubborn(release))
		done, cancel := context.WithTimeout(t.Context(), 4700*time.Millisecond)
		defer cancel()
		go root.Close(done)
		synctest.Wait()
		for _, s := range []*Supervisor{root, newer} {
			if !errors.Is(context.Cause(s.Context()), ErrClosed) {
				t.Errorf("cause = %v, want ErrClosed", context.Cause(s.Context()))
			}
			if h := s.Go("late", untilDone); !errors.Is(h.Err(), ErrClosed) {
				t.Errorf("Start after Close has begun: %v", h.Err())
			}
		}
		close(release)
		if err := root.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Helpers end with their task, and not before it.
func TestChildContextIsStoppedWithItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		root := New(Config{})
		root.Child("plain").Go("plain", j.lingering("plain", time.Second))
		task := root.Go("task", func(ctx context.Context) error {
			helpers := root.ChildContext(ctx, "task")
			helpers.Go("helper", j.lingering("helper", 2*time.Second))
			<-ctx.Done()
			j.add("stop task")
			err := helpers.Close(context.Background())
			time.Sleep(time.Second)
			j.add("end task")
			return err
		})
		synctest.Wait()
		if n := root.Count("task"); n != 2 {
			t.Errorf("Count = %d, want the task and its helper: %v", n, root.Running())
		}
		if err := root.Close(t.Context()); err != nil || task.Err() != nil {
			t.Errorf("Close = %v, Err = %v", err, task.Err())
		}
		got := strings.Join(j.lines, ", ")
		ok := strings.HasPrefix(got, "stop plain, end plain, ") && strings.HasSuffix(got, "end helper, end task") && len(j.lines) == 6
		if !ok {
			t.Errorf("order: %s", got)
		}
	})
}

func TestChildContextEndsWithCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := open(t, Config{})
		ended := make(chan *Supervisor, 1)
		task := root.Go("task", func(ctx context.Context) error {
			helpers := root.ChildContext(ctx, "task")
			h := helpers.Go("helper", untilDone)
			<-h.Done()
			ended <- helpers
			return helpers.Close(context.Background())
		})
		synctest.Wait()
		task.Stop()
		if err := task.Wait(t.Context()); err != nil {
			t.Errorf("Wait = %v", err)
		}
		if h := (<-ended).Go("late", untilDone); !errors.Is(h.Err(), ErrClosed) {
			t.Errorf("a helper was admitted after its task: %v", h.Err())
		}
	})
}

// A task that fails to close its helpers does not hide them from Close.
func TestCloseJoinsForgottenHelpers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(Config{Name: "app"})
		root.Go("task", func(ctx context.Context) error {
			root.ChildContext(ctx, "task").Go("helper", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(1700 * time.Millisecond)
				panic("late")
			})
			<-ctx.Done()
			return nil
		})
		synctest.Wait()
		start := time.Now()
		if err := root.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "late") {
			t.Errorf("Close = %v, want the helper's failure", err)
		}
		if d := time.Since(start); d != 1700*time.Millisecond {
			t.Errorf("Close took %v, want to wait for the helper", d)
		}
	})
}

// A child made for a task while Close is under way is closed, though that task has not been told to stop yet.
func TestChildContextDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(Config{})
		release := make(chan struct{})
		root.Child("first").Go("deaf", stubborn(release))
		root.Go("task", func(ctx context.Context) error {
			<-root.Context().Done()
			if ctx.Err() != nil || root.ChildContext(ctx, "late").Context().Err() == nil {
				t.Errorf("told to stop: %v, or its new child is open", ctx.Err())
			}
			close(release)
			return nil
		})
		if err := root.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A ctx that is done from the start stops everything at once and waits for nothing.
func TestCloseWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		a, b := s.Go("a", untilDone), s.Child("c").Go("b", untilDone)
		done, cancel := context.WithCancel(t.Context())
		cancel()
		var stuck *StuckError
		if err := s.Close(done); !errors.As(err, &stuck) || len(stuck.Running) != 2 {
			t.Errorf("Close = %v, want a StuckError about two", err)
		}
		a.Wait(t.Context())
		b.Wait(t.Context())
		if err := s.Close(done); err != nil {
			t.Errorf("Close = %v, though nothing runs any more", err)
		}
	})
}

// A task that closes its own supervisor with its own ctx starts the close and does not wait for itself.
func TestCloseFromInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		inside := make(chan error, 2)
		s.Go("suicidal", func(ctx context.Context) error {
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 1700*time.Millisecond)
			defer cancel()
			inside <- s.Close(limit)
			inside <- s.Close(ctx)
			return nil
		})
		for range 2 {
			var stuck *StuckError
			if err := <-inside; !errors.As(err, &stuck) || len(stuck.Running) != 1 || stuck.Running[0].Name != "suicidal" {
				t.Errorf("Close from inside = %v, want it to name itself", err)
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestConcurrentClosesShareOneResult(t *testing.T) {
	for range 20 {
		s := New(Config{})
		children := []*Supervisor{s, s.Child("a"), s.Child("b")}
		for i := range 30 {
			children[i%3].Go("ends", func(ctx context.Context) error { <-ctx.Done(); panic("late") })
		}
		var wg sync.WaitGroup
		results := make([]error, 100)
		for i := range results {
			wg.Go(func() {
				children[i%3].Go("more", untilDone)
				results[i] = s.Close(t.Context())
			})
		}
		wg.Wait()
		for _, err := range results {
			if err == nil || err != results[0] {
				t.Fatalf("results differ: %v and %v", err, results[0])
			}
		}
		if n := strings.Count(results[0].Error(), "late"); n != 30 {
			t.Fatalf("%d failures reported, want 30", n)
		}
	}
}

func TestCloseReportsFailuresInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Name: "app"})
		for i, sup := range []*Supervisor{s.Child("b"), s, s.Child("a")} {
			sup.Go(fmt.Sprint("task", i), func(context.Context) error {
				time.Sleep(time.Duration(3-i) * time.Second)
				return fmt.Errorf("failure %d: %w", i, errDisk)
			})
		}
		time.Sleep(4 * time.Second)
		err := s.Close(t.Context())
		want := "lifecycle: app/a/task2: failure 2: disk on fire\n" +
			"lifecycle: app/task1: failure 1: disk on fire\n" +
			"lifecycle: app/b/task0: failure 0: disk on fire"
		if !errors.Is(err, errDisk) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if again := s.Close(t.Context()); again != err {
			t.Errorf("second Close = %v", again)
		}
	})
}

func TestChildClosedOnItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Name: "app"})
		stays := s.Go("stays", untilDone)
		child := s.Child("child")
		child.Go("fails", func(context.Context) error { return errDisk })
		child.Go("runs", untilDone)
		synctest.Wait()
		if err := child.Close(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Close of the child = %v, want its failure", err)
		}
		if stays.Err() != nil || s.Context().Err() != nil || s.Count("") != 1 {
			t.Error("Close of a child reached its parent")
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close = %v, though the child's failure has been returned", err)
		}
	})
}

// A child's Close that ran out of time has reported nothing for good: the parent goes on with it.
func TestParentJoinsAStuckChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		release := make(chan struct{})
		child := s.Child("child")
		child.Go("deaf", func(context.Context) error { <-release; panic("late") })
		ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
		defer cancel()
		if err := child.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close of the child = %v", err)
		}
		if n := s.Count("child"); n != 1 {
			t.Errorf("Count = %d, want the stuck task", n)
		}
		time.AfterFunc(time.Second, func() { close(release) })
		err := s.Close(t.Context())
		if err == nil || !strings.Contains(err.Error(), "late") {
			t.Errorf("Close = %v, want the child's failure", err)
		}
		if again := child.Close(t.Context()); again == nil || again.Error() != err.Error() {
			t.Errorf("Close of the child = %v, want %v", again, err)
		}
	})
}
