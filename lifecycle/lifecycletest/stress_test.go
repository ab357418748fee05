package lifecycletest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/lifecycle/lifecycletest"
)

// component is what a careful author writes: a supervisor, and a Start that may be called once.
type component struct {
	tasks   *lifecycle.Supervisor
	started atomic.Bool
}

func (c *component) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.started.Swap(true) {
		return errors.New("started twice")
	}
	return c.tasks.Go("work", func(ctx context.Context) error { <-ctx.Done(); return nil }).Err()
}

func careful() lifecycletest.Life {
	c := &component{tasks: lifecycle.New(lifecycle.Config{})}
	return lifecycletest.Life{Start: c.Start, Close: c.tasks.Close}
}

func TestStressPassesACarefulComponent(t *testing.T) {
	lifecycletest.Stress(t, careful)
}

func TestStressPassesASupervisor(t *testing.T) {
	lifecycletest.Stress(t, func() lifecycletest.Life {
		s := lifecycle.New(lifecycle.Config{Name: "app"})
		for _, c := range []*lifecycle.Supervisor{s, s.Child("a"), s.Child("b")} {
			c.Go("runs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			c.Go("ends", func(context.Context) error { return nil })
		}
		return lifecycletest.Life{Close: s.Close}
	})
}

func TestStressFailsACarelessOne(t *testing.T) {
	type life = lifecycletest.Life
	nothing := func(context.Context) error { return nil }
	tests := []struct {
		name string
		want string
		born func(release chan struct{}) life
	}{
		{"leak", "one life: 3 goroutines outlived Close", func(release chan struct{}) life {
			go leakyGoroutine(release)
			return life{Close: nothing}
		}},
		{"panic on the second Close", "one life: Close: panic or Goexit: close of closed channel", func(chan struct{}) life {
			done := make(chan struct{})
			return life{Close: func(context.Context) error { close(done); return nil }}
		}},
		{"error on the second Close", "one life: Close: closed already", func(chan struct{}) life {
			var closed atomic.Bool
			return life{Close: func(context.Context) error {
				if closed.Swap(true) {
					return errors.New("closed already")
				}
				return nil
			}}
		}},
		{"Start after Close", "one life: Start after Close returned nil", func(chan struct{}) life {
			return life{Start: nothing, Close: nothing}
		}},
		{"Close waits for Start", "Close before Start: Close hangs", func(release chan struct{}) life {
			l := careful()
			started := make(chan struct{})
			once := sync.OnceFunc(func() { close(started) })
			return life{
				Start: func(ctx context.Context) error { err := l.Start(ctx); once(); return err },
				Close: func(ctx context.Context) error {
					select {
					case <-started:
					case <-release:
					}
					return l.Close(ctx)
				},
			}
		}},
		{"one Close at a time", "Close by many: Close: busy", func(chan struct{}) life {
			l := careful()
			var busy atomic.Bool
			return life{Start: l.Start, Close: func(ctx context.Context) error {
				if busy.Swap(true) {
					return errors.New("busy")
				}
				defer busy.Store(false)
				synctest.Wait()
				return l.Close(ctx)
			}}
		}},
		{"gives up for ever", "ctx of Close is done: 1 goroutines outlived Close", func(release chan struct{}) life {
			stop, ended := make(chan struct{}), make(chan struct{})
			var started, closed atomic.Bool
			begin := func(context.Context) error {
				if closed.Load() || started.Swap(true) {
					return errors.New("no")
				}
				go func() {
					defer close(ended)
					select {
					case <-stop:
					case <-release:
					}
				}()
				return nil
			}
			return life{Start: begin, Close: func(ctx context.Context) error {
				if ctx.Err() != nil {
					closed.Store(true)
					return ctx.Err()
				}
				if !closed.Swap(true) {
					close(stop)
				}
				if started.Load() && stopped(stop) {
					<-ended
				}
				return nil
			}}
		}},
		{"a ctx that is done breaks Start", "ctx of Start is done: Close: half started", func(chan struct{}) life {
			l := careful()
			var half atomic.Bool
			return life{
				Start: func(ctx context.Context) error {
					half.Store(ctx.Err() != nil)
					return l.Start(ctx)
				},
				Close: func(ctx context.Context) error {
					if half.Load() {
						return errors.New("half started")
					}
					return l.Close(ctx)
				},
			}
		}},
		{"there can be only one", "many lives at once: Start: there is one already", singleton()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{TB: t}
				release := make(chan struct{})
				lifecycletest.Stress(r, func() lifecycletest.Life { return test.born(release) })
				close(release)
				r.want(t, test.want)
				if len(r.errors) > 6 {
					t.Errorf("%d errors reported for one trial", len(r.errors))
				}
			})
		})
	}
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// singleton makes components that share state behind their users' backs.
func singleton() func(chan struct{}) lifecycletest.Life {
	var alive atomic.Int32
	return func(chan struct{}) lifecycletest.Life {
		l := careful()
		var counted atomic.Bool
		return lifecycletest.Life{
			Start: func(ctx context.Context) error {
				err := l.Start(ctx)
				if err == nil && alive.Add(1) > 1 {
					alive.Add(-1)
					return errors.New("there is one already")
				}
				counted.CompareAndSwap(false, err == nil)
				return err
			},
			Close: func(ctx context.Context) error {
				if counted.CompareAndSwap(true, false) {
					alive.Add(-1)
				}
				return l.Close(ctx)
			},
		}
	}
}
