package source_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

var errTest = errors.New("test")

// slowHelper takes a while to end, so that who does not wait for it is found.
func slowHelper(ended *bool) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(4700 * time.Millisecond)
		*ended = true
		return ctx.Err()
	}
}

// However Run of a source ends, its helpers have ended before Run of the Outlet
// does, and the end is what the supervisor hears of.
func TestRunJoinsHelpers(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func() error
		want func(error) bool
	}{
		{"nil", func() error { return nil }, func(err error) bool { return err == nil }},
		{"error", func() error { return errTest }, func(err error) bool { return errors.Is(err, errTest) }},
		{"panic", func() error { panic(errTest) }, func(err error) bool {
			p, ok := errors.AsType[*lifecycle.PanicError](err)
			return ok && p.Value == errTest && p.Task == "test/run"
		}},
		{"Goexit", func() error { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, lifecycle.ErrGoexit) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				super := lifecycle.New(lifecycle.Config{Name: "test"})
				out := outletOn(t, super)
				ended := false
				h := super.Go("run", func(ctx context.Context) error {
					return out.Run(ctx, source.Func(func(ctx context.Context, out *source.Outlet) error {
						out.Go("helper", slowHelper(&ended))
						return c.end()
					}))
				})
				synctest.Wait()
				select {
				case <-h.Done():
					t.Error("Run did not wait for its helper")
				default:
				}
				if err := h.Wait(t.Context()); !c.want(err) {
					t.Errorf("Run ended with %v", err)
				}
				if !ended {
					t.Error("the helper has not ended")
				}
				if err := super.Close(t.Context()); !c.want(err) {
					t.Errorf("Close = %v", err)
				}
			})
		})
	}
}

func outletOn(t *testing.T, super *lifecycle.Supervisor) *source.Outlet {
	saver, err := source.NewSaver(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return source.NewOutlet(source.OutletConfig{Name: rigName, Receiver: new(sourcetest.Receiver), Saver: saver, Supervisor: super})
}

func TestHelperFailureEndsRun(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func() error
		want func(error) bool
	}{
		{"error", func() error { return errTest }, func(err error) bool { return errors.Is(err, errTest) }},
		{"panic", func() error { panic(errTest) }, func(err error) bool {
			p, ok := errors.AsType[*lifecycle.PanicError](err)
			return ok && p.Value == errTest
		}},
		{"Goexit", func() error { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, lifecycle.ErrGoexit) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				ended := false
				var cause error
				err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
					out.Go("other", slowHelper(&ended))
					h := out.Go("fails", func(context.Context) error { return c.fail() })
					<-ctx.Done()
					cause = context.Cause(ctx)
					if err := h.Wait(t.Context()); !c.want(err) {
						t.Errorf("its handle says %v", err)
					}
					return nil // not a failure in the eyes of the source
				}))
				if !c.want(err) || !c.want(cause) {
					t.Errorf("Run = %v, with the cause %v", err, cause)
				}
				if !strings.Contains(err.Error(), "test/shop/fails") {
					t.Errorf("%v: does not say which helper", err)
				}
				if !ended {
					t.Error("the other helper was left behind")
				}
				if t.Context().Err() != nil {
					t.Error("it took more than its Run with it")
				}
				// The next run has nothing to do with it.
				if err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
					h := out.Go("helper", func(context.Context) error { return nil })
					return h.Wait(ctx)
				})); err != nil {
					t.Errorf("the next Run = %v", err)
				}
			})
		})
	}
}

// A helper that stops because it is told to has not failed, whatever it says.
func TestHelperMayStopWithAnError(t *testing.T) {
	g := newRig(t)
	err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
		out.Go("stops", func(ctx context.Context) error { <-ctx.Done(); return errTest })
		done := out.Go("is done", func(context.Context) error { return nil })
		return done.Wait(ctx)
	}))
	if err != nil {
		t.Errorf("Run = %v", err)
	}
}

// What went wrong twice is told twice.
func TestRunJoinsErrors(t *testing.T) {
	g := newRig(t)
	other := errors.New("other")
	err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
		out.Go("helper", func(context.Context) error { return errTest })
		<-ctx.Done()
		return other
	}))
	if !errors.Is(err, errTest) || !errors.Is(err, other) {
		t.Errorf("Run = %v", err)
	}
}

func TestGoBetweenRuns(t *testing.T) {
	g := newRig(t)
	run := func(context.Context) error { t.Error("started"); return nil }
	refused := func(when string) {
		t.Helper()
		if h := g.out.Go("late", run); !errors.Is(h.Err(), lifecycle.ErrClosed) {
			t.Errorf("%s: Go = %v, want ErrClosed", when, h.Err())
		}
	}
	refused("before the first run")
	g.out.Run(t.Context(), source.Func(func(context.Context, *source.Outlet) error { return nil }))
	refused("after a run")
	ctx, cancel := context.WithCancel(t.Context())
	g.out.Run(ctx, source.Func(func(ctx context.Context, out *source.Outlet) error {
		cancel()
		refused("once the ctx of Run is done")
		return nil
	}))
	if err := g.super.Close(t.Context()); err != nil {
		t.Error(err)
	}
	err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
		refused("on a closed supervisor")
		<-ctx.Done()
		return nil
	}))
	if err != nil {
		t.Errorf("Run on a closed supervisor = %v", err)
	}
}

// A helper may go on starting helpers up to the end; those that are admitted
// are joined.
func TestHelpersOfHelpers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		var started, ended atomic.Int32
		err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
			var spawn func(ctx context.Context) error
			spawn = func(ctx context.Context) error {
				started.Add(1)
				time.Sleep(300 * time.Millisecond)
				out.Go("next", spawn)
				<-ctx.Done()
				time.Sleep(700 * time.Millisecond)
				ended.Add(1)
				return nil
			}
			out.Go("first", spawn)
			time.Sleep(4700 * time.Millisecond)
			return nil
		}))
		if n := started.Load(); err != nil || n < 10 || n != ended.Load() {
			t.Errorf("Run = %v; %d helpers started, %d have ended", err, n, ended.Load())
		}
	})
}

// The pipeline stops a source while its helpers are busy: they go with the run,
// and the supervisor's Close waits for both.
func TestStopFromAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		super := lifecycle.New(lifecycle.Config{Name: "test"})
		out := outletOn(t, super)
		ended := false
		super.Go("run", func(ctx context.Context) error {
			return out.Run(ctx, source.Func(func(ctx context.Context, out *source.Outlet) error {
				out.Go("helper", slowHelper(&ended))
				<-ctx.Done()
				return context.Cause(ctx)
			}))
		})
		synctest.Wait()
		if err := super.Close(t.Context()); err != nil || !ended {
			t.Errorf("Close = %v; the helper has ended: %v", err, ended)
		}
	})
}

func TestStuckHelperIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		super := lifecycle.New(lifecycle.Config{Name: "test"})
		out := outletOn(t, super)
		release := make(chan struct{})
		super.Go("run", func(ctx context.Context) error {
			return out.Run(ctx, source.Func(func(ctx context.Context, out *source.Outlet) error {
				out.Go("stuck", func(context.Context) error { <-release; return nil })
				return nil
			}))
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 4700*time.Millisecond)
		defer cancel()
		stuck, ok := errors.AsType[*lifecycle.StuckError](super.Close(ctx))
		if !ok || !strings.Contains(stuck.Error(), "test/shop/stuck") {
			t.Errorf("Close = %v, want the helper's name", stuck)
		}
		close(release)
		if err := super.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// A stream outlives a run: the next one goes on where deliveries are, not where
// the store is.
func TestStreamsOutliveRuns(t *testing.T) {
	g := newRig(t)
	var began []string
	for range 3 {
		err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
			s, err := out.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			began = append(began, s.Cursor())
			if err := trySend(ctx, s, s.Cursor()+"i", "line"); err != nil {
				return err
			}
			return errTest
		}))
		if !errors.Is(err, errTest) {
			t.Fatal(err)
		}
	}
	if got := strings.Join(began, ","); got != ",i,ii" {
		t.Errorf("runs began at %s", got)
	}
}

func TestLogger(t *testing.T) {
	g := newRig(t)
	g.out.Logger().Error("goes nowhere") // must not panic
	var buf bytes.Buffer
	out := source.NewOutlet(source.OutletConfig{Name: "x", Receiver: g.r, Saver: g.saver, Supervisor: g.super,
		Logger: slog.New(slog.NewTextHandler(&buf, nil))})
	out.Logger().Info("hello")
	if !strings.Contains(buf.String(), "hello") {
		t.Errorf("logged %q", buf.String())
	}
}

// Two outlets of one pipeline share its clock.
func TestSharedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		clock := new(source.Clock)
		for _, name := range []string{"a", "b"} {
			out := source.NewOutlet(source.OutletConfig{Name: name, Receiver: g.r, Saver: g.saver, Supervisor: g.super, Clock: clock})
			s, err := out.Open(t.Context(), "x", batch.Labels{})
			if err != nil {
				t.Fatal(err)
			}
			g.send(s, "1", "same")
		}
		p := g.r.Arrived()
		if a, b := p[0].Entries[0].Time, p[1].Entries[0].Time; !b.Equal(a.Add(1)) {
			t.Errorf("times are %v and %v", a, b)
		}
	})
}

// A whole cycle: make, fill, send, deliver.
func BenchmarkSend(b *testing.B) {
	saver, err := source.NewSaver(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	super := lifecycle.New(lifecycle.Config{})
	defer super.Close(context.Background())
	out := source.NewOutlet(source.OutletConfig{Name: "x", Receiver: new(discard), Saver: saver, Supervisor: super})
	s, err := out.Open(b.Context(), "x", batch.Labels{})
	if err != nil {
		b.Fatal(err)
	}
	line := bytes.Repeat([]byte("x"), 120)
	b.ReportAllocs()
	for b.Loop() {
		x := s.NewBatch()
		for range 500 {
			x.Append(time.Time{}, line)
		}
		if err := s.Send(b.Context(), x, "cursor"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/entry")
}

// discard delivers everything and keeps nothing.
type discard struct{ pool batch.Pool }

func (d *discard) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&d.pool, l) }
func (d *discard) Hasten() func()                       { return func() {} }
func (d *discard) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}
