package lifecycle_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

var errDisk = errors.New("disk on fire")

// open returns a Supervisor that is closed, whatever it returns, when the test ends.
func open(t *testing.T, cfg Config) *Supervisor {
	t.Helper()
	s := New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := new(StuckError); errors.As(s.Close(ctx), &err) {
			t.Errorf("left behind: %v\n%s", err, err.Profile)
		}
	})
	return s
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A Goexit runs deferred functions and nothing else: unless the outermost of them does the accounting, this hangs.
func TestGoexitIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Name: "app"})
		h := s.Go("quits", func(context.Context) error { runtime.Goexit(); return nil })
		if err := h.Wait(t.Context()); !errors.Is(err, ErrGoexit) {
			t.Errorf("Wait = %v, want ErrGoexit", err)
		}
		if err := s.Close(t.Context()); !errors.Is(err, ErrGoexit) {
			t.Errorf("Close = %v, want ErrGoexit", err)
		}
	})
}

// The goroutine is gone, the task is not: a fresh goroutine has to take over without an instant in which nobody counts.
func TestGoexitIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Name: "app"})
		runs := 0
		start := time.Now()
		h := s.Start(Task{Name: "quits", Restart: Restart{Min: time.Second}, Run: func(context.Context) error {
			if runs++; runs < 4 {
				runtime.Goexit()
			}
			return nil
		}})
		for range 5 {
			time.Sleep(470 * time.Millisecond)
			if n := s.Count(""); n != 1 {
				t.Errorf("Count = %d after %v, want 1", n, time.Since(start))
			}
		}
		if err := h.Wait(t.Context()); err != nil || runs != 4 {
			t.Errorf("Wait = %v after %d runs, want nil after 4", err, runs)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("took %v, want 3s", d)
		}
	})
}

func TestOutcomes(t *testing.T) {
	var nilMap map[string]int
	tests := []struct {
		name string
		run  func(context.Context) error
		stop bool  // tell it to stop before it returns
		want error // nil: no failure
		text string
	}{
		{name: "nil", run: func(context.Context) error { return nil }},
		{name: "nil after stop", stop: true, run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{name: "ctx error after stop", stop: true, run: untilDone},
		{name: "other error after stop", stop: true, run: func(ctx context.Context) error { <-ctx.Done(); return errDisk }},
		{name: "error", run: func(context.Context) error { return errDisk }, want: errDisk},
		{name: "context error before stop", run: func(context.Context) error { return context.Canceled }, want: context.Canceled},
		{name: "panic with an error", run: func(context.Context) error { panic(errDisk) }, want: errDisk},
		{name: "panic with a value", run: func(context.Context) error { panic(42) }, text: "lifecycle: app/x: panic: 42"},
		{name: "panic with nil", run: func(context.Context) error { panic(nil) }, text: "app/x: panic:"},
		{name: "run-time panic", run: func(context.Context) error { nilMap["a"] = 1; return nil }, text: "nil map"},
		{name: "panic after stop", stop: true, run: func(ctx context.Context) error { <-ctx.Done(); panic(errDisk) }, want: errDisk},
		{name: "Goexit after stop", stop: true, run: func(ctx context.Context) error { <-ctx.Done(); runtime.Goexit(); return nil }, want: ErrGoexit},
		{name: "panic during Goexit", run: func(context.Context) error {
			defer func() { panic(errDisk) }()
			runtime.Goexit()
			return nil
		}, text: "app/x"},
		{name: "Goexit during panic", run: func(context.Context) error {
			defer runtime.Goexit()
			panic(errDisk)
		}, want: ErrGoexit},
		{name: "no Run", text: "nil pointer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{Name: "app"})
				h := s.Go("x", test.run)
				if test.stop {
					synctest.Wait()
					h.Stop()
				}
				err := h.Wait(t.Context())
				closed := s.Close(t.Context())
				failure := test.want != nil || test.text != ""
				for what, err := range map[string]error{"Wait": err, "Close": closed, "Err": h.Err()} {
					switch {
					case !failure && err != nil:
						t.Errorf("%s = %v, want nil", what, err)
					case failure && err == nil:
						t.Errorf("%s = nil, want a failure", what)
					case test.want != nil && !errors.Is(err, test.want):
						t.Errorf("%s = %v, want %v", what, err, test.want)
					case test.text != "" && what == "Close" && !strings.Contains(err.Error(), test.text):
						t.Errorf("%s = %v, want %q in it", what, err, test.text)
					}
				}
				if failure && !strings.Contains(closed.Error(), "app/x") {
					t.Errorf("Close = %v, which does not name the task", closed)
				}
			})
		})
	}
}

func TestPanicErrorTellsWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Name: "app"})
		h := s.Go("x", func(context.Context) error { return explode() })
		var p *PanicError
		if err := h.Wait(t.Context()); !errors.As(err, &p) {
			t.Fatalf("Wait = %v, want a PanicError", err)
		}
		if p.Task != "app/x" || p.Value != any("boom") || p.Unwrap() != nil || !strings.Contains(string(p.Stack), "explode") {
			t.Errorf("got task %q, value %v, stack\n%s", p.Task, p.Value, p.Stack)
		}
		if err := s.Close(t.Context()); strings.Count(err.Error(), "app/x") != 1 {
			t.Errorf("Close = %v, want the task named once", err)
		}
	})
}

func explode() error { panic("boom") }

func TestHandleOfALiveTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{})
		h, other := s.Go("x", untilDone), s.Go("y", untilDone)
		synctest.Wait()
		select {
		case <-h.Done():
			t.Error("Done before the end")
		default:
		}
		if err := h.Err(); err != nil {
			t.Errorf("Err = %v while it runs", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1700*time.Millisecond)
		defer cancel()
		if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want ctx's error", err)
		}
		h.Stop()
		h.Stop()
		// ctx is done, and so will the task be: the task wins.
		<-h.Done()
		if err := h.Wait(ctx); err != nil {
			t.Errorf("Wait = %v of a stopped task", err)
		}
		synctest.Wait()
		select {
		case <-other.Done():
			t.Error("Stop of one task ended another")
		default:
		}
	})
}

// What Run's closure owns must not be lost because Close came first.
func TestAdmittedTaskAlwaysRuns(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for range 200 {
		s := New(Config{})
		ran := false
		s.Go("x", func(ctx context.Context) error { ran = true; return untilDone(ctx) })
		s.Close(done)
		if err := s.Close(t.Context()); err != nil || !ran {
			t.Fatalf("Close = %v, ran = %v", err, ran)
		}
	}
}

func TestTasksMayStartTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Name: "app"})
		late := make(chan *Handle, 1)
		s.Go("outer", func(ctx context.Context) error {
			s.Go("inner", untilDone)
			<-ctx.Done()
			late <- s.Go("late", untilDone)
			return nil
		})
		synctest.Wait()
		if n := s.Count(""); n != 2 {
			t.Errorf("Count = %d, want 2", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if h := <-late; !errors.Is(h.Wait(t.Context()), ErrClosed) {
			t.Errorf("a task was admitted after Close had begun: %v", h.Err())
		}
	})
}

func TestMaxTasksCountsTheWholeTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{MaxTasks: 3})
		child := s.Child("child")
		first := s.Go("a", untilDone)
		child.Go("b", untilDone)
		child.Child("grandchild").Go("c", untilDone)
		for _, sup := range []*Supervisor{s, child} {
			h := sup.Go("d", func(context.Context) error { t.Error("ran"); return nil })
			select {
			case <-h.Done():
			default:
				t.Error("a refused task's handle is not done")
			}
			h.Stop()
			if err := h.Err(); !errors.Is(err, ErrTooManyTasks) {
				t.Errorf("Err = %v, want ErrTooManyTasks", err)
			}
		}
		first.Stop()
		<-first.Done()
		if h := child.Go("d", untilDone); h.Err() != nil {
			t.Errorf("Err = %v after a slot was freed", h.Err())
		}
	})
}

// Values go down to every task; the end of the ctx they come from does not.
func TestValues(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
	cancel()
	s := New(Config{Name: "x", Values: ctx})
	child := s.Child("child")
	for _, sup := range []*Supervisor{s, child, s.ChildContext(child.Context(), "bound")} {
		h := sup.Go("task", func(ctx context.Context) error {
			if ctx.Value(key{}) != "v" || ctx.Err() != nil || sup.Context().Value(key{}) != "v" {
				t.Errorf("%v, %v", ctx.Value(key{}), ctx.Err())
			}
			return nil
		})
		<-h.Done()
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
