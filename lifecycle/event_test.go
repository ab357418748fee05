package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		start := time.Now()
		s := New(Config{Name: "app", OnEvent: func(e Event) {
			j.add(fmt.Sprintf("%v %s %v %v wait=%v n=%d", e.Time.Sub(start), e.Task, e.Kind, e.Err, e.Wait, e.Restarts))
		}})
		s.Go("ok", func(context.Context) error { return nil })
		time.Sleep(time.Second)
		runs := 0
		s.Child("c").Start(Task{Name: "bad", Restart: Restart{Min: 2 * time.Second, Budget: 1}, Run: func(context.Context) error {
			if runs++; runs == 1 {
				runtime.Goexit()
			}
			return errDisk
		}})
		time.Sleep(3 * time.Second)
		s.Go("stop", func(ctx context.Context) error { <-ctx.Done(); return errDisk })
		time.Sleep(time.Second)
		s.Close(t.Context())
		want := []string{
			"0s app/ok started <nil> wait=0s n=0",
			"0s app/ok finished <nil> wait=0s n=0",
			"1s app/c/bad started <nil> wait=0s n=0",
			"1s app/c/bad restarting lifecycle: task called runtime.Goexit wait=2s n=1",
			"3s app/c/bad started <nil> wait=0s n=1",
			"3s app/c/bad failed lifecycle: app/c/bad: gave up after 1 restarts: disk on fire wait=0s n=1",
			"4s app/stop started <nil> wait=0s n=0",
			"5s app/stop stopped disk on fire wait=0s n=0",
		}
		if !slices.Equal(j.lines, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(j.lines, "\n"), strings.Join(want, "\n"))
		}
		if s := Kind(0).String(); s != "unknown" {
			t.Errorf("Kind(0) = %s", s)
		}
	})
}

// A hook that panics or Goexits at any event must neither end the host nor lose count of a task.
func TestHostileHook(t *testing.T) {
	for _, kind := range []Kind{Started, Restarting, Finished, Stopped, Failed} {
		for name, blow := range map[string]func(){"panic": func() { panic("hook") }, "Goexit": runtime.Goexit} {
			t.Run(fmt.Sprint(kind, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var blown, restarts atomic.Int32
					s := New(Config{OnEvent: func(e Event) {
						if e.Kind == Restarting {
							restarts.Add(1)
						}
						if e.Kind == kind && blown.Add(1) == 1 {
							blow()
						}
					}})
					s.Go("finishes", func(context.Context) error { return nil })
					s.Go("stops", untilDone)
					var runs atomic.Int32
					s.Start(Task{Name: "restarts", Restart: Restart{Min: time.Second}, Run: func(context.Context) error {
						if runs.Add(1) < 3 {
							return errDisk
						}
						return nil
					}})
					fails := s.Go("fails", func(context.Context) error { return errDisk })
					time.Sleep(5 * time.Second)
					err := s.Close(t.Context())
					if n := s.Count(""); n != 0 || blown.Load() == 0 {
						t.Errorf("Count = %d, the hook blew up %d times", n, blown.Load())
					}
					// A hook that Goexits before the run takes the run with it, else it is no failure of the task.
					if n := restarts.Load(); n != 2 && kind != Started {
						t.Errorf("%d restarts, want 2", n)
					}
					if fails.Err() == nil || err == nil {
						t.Errorf("Err = %v, Close = %v: the failure was lost", fails.Err(), err)
					}
					var p *PanicError
					if told := errors.As(err, &p) && strings.Contains(p.Task, "OnEvent"); told != (name == "panic") {
						t.Errorf("Close = %v", err)
					}
				})
			})
		}
	}
}

// Whatever a hook may do by its contract, it may do at every event.
func TestHookMayCallTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *Supervisor
		ready := make(chan struct{})
		done, cancel := context.WithCancel(t.Context())
		cancel()
		var extra atomic.Int32
		s = New(Config{OnEvent: func(e Event) {
			<-ready
			s.Running()
			s.Count(e.Task)
			s.Child("c").Close(done)
			if e.Kind == Finished && extra.Add(1) == 1 {
				s.Go("another", func(context.Context) error { return nil })
			}
			if e.Kind == Stopped {
				s.Close(done)
			}
		}})
		close(ready)
		s.Go("a", func(context.Context) error { return nil })
		h := s.Go("b", untilDone)
		synctest.Wait()
		h.Stop()
		<-h.Done()
		if err := s.Close(t.Context()); err != nil || extra.Load() != 2 {
			t.Errorf("Close = %v, %d finished", err, extra.Load())
		}
	})
}

// When Close has returned, so has every call of the hook.
func TestNoEventAfterClose(t *testing.T) {
	for range 300 {
		var closed, late atomic.Bool
		s := New(Config{OnEvent: func(Event) {
			if closed.Load() {
				late.Store(true)
			}
		}})
		for range 4 {
			s.Go("x", untilDone)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed.Store(true)
		runtime.Gosched()
		if late.Load() {
			t.Fatal("OnEvent was called after Close had returned")
		}
	}
}
