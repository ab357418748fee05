package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// A plight is a state in which a route delivers nothing until a certain time.
type plight struct {
	name  string
	route func(out *collector, until time.Time) Route
	after time.Duration // so long after that time it delivers at the latest
}

// untilThen is a Write that f says the end of until then.
func untilThen(until time.Time, f func(ctx context.Context) error) func(int, context.Context, *batch.Batch) error {
	return func(_ int, ctx context.Context, _ *batch.Batch) error {
		if time.Now().Before(until) {
			return f(ctx)
		}
		return nil
	}
}

// hang waits for the end of ctx, or until then.
func hang(until time.Time) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if err := sleep(ctx, time.Until(until)); err != nil {
			return err
		}
		return errors.New("it hung, and then it was not there")
	}
}

var errAway = errors.New("connection refused")

var plights = []plight{
	{"paused by the shaper", func(out *collector, until time.Time) Route {
		return Route{Sink: out, Shaper: &script{limits: func(st batch.State) batch.Limits {
			return batch.Limits{MaxWait: -1, Pause: max(0, until.Sub(st.Now))}
		}}}
	}, 0},
	{"all told to wait", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, func(context.Context) error {
			return sink.Throttled(errors.New("429"), time.Until(until))
		})
		return Route{Sink: sink.Retry(out, sink.RetryConfig{Jitter: -1})}
	}, time.Millisecond},
	{"the stream told to wait", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, func(context.Context) error {
			return sink.RetryAfter(errors.New("429"), time.Until(until))
		})
		return Route{Sink: sink.Retry(out, sink.RetryConfig{Jitter: -1})}
	}, 0},
	{"parked by its backoff", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, func(context.Context) error { return errAway })
		return Route{Sink: sink.Retry(out, sink.RetryConfig{Min: time.Minute, Max: time.Minute, Jitter: -1})}
	}, time.Minute},
	{"the breaker open", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, func(context.Context) error { return errAway })
		return Route{Sink: sink.Breaker(out, sink.BreakerConfig{Failures: 1, OpenFor: time.Minute})}
	}, 3 * time.Minute},
	{"a probe under way", func(out *collector, until time.Time) Route {
		wrote := 0
		out.fail = untilThen(until, func(ctx context.Context) error {
			if wrote++; wrote == 1 {
				return errAway
			}
			return hang(until)(ctx)
		})
		return Route{Sink: sink.Breaker(out, sink.BreakerConfig{Failures: 1, OpenFor: time.Second, ProbeTimeout: time.Hour})}
	}, 3 * time.Minute},
	{"timing out", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, hang(until))
		return Route{Sink: out, Shaper: batch.Fixed(batch.Limits{MaxWait: -1, Timeout: 1100 * time.Millisecond})}
	}, time.Minute},
	{"a Write under way", func(out *collector, until time.Time) Route {
		out.fail = untilThen(until, hang(until))
		return Route{Sink: out}
	}, time.Minute},
	{"sent in pieces that are told to wait", func(out *collector, until time.Time) Route {
		out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
			switch {
			case len(b.Entries) > 3:
				return sink.TooLarge(errors.New("413"))
			case time.Now().Before(until):
				return sink.Throttled(errors.New("429"), time.Until(until))
			}
			return nil
		}
		return Route{Sink: sink.Retry(out, sink.RetryConfig{Jitter: -1})}
	}, time.Second},
}

// inEach runs test with a pipeline in each plight: at 3.3 s everything has been
// read and nothing delivered, and at a minute and 0.7 s it will be over.
func inEach(t *testing.T, test func(t *testing.T, e *Engine, p plight, out *collector, until time.Time)) {
	for _, p := range plights {
		for _, single := range []bool{false, true} {
			t.Run(p.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					until := time.Now().Add(time.Minute + 700*time.Millisecond)
					out := &collector{single: single}
					cfg := one(counter{total: 30, perBatch: 10, follow: true}, p.route(out, until))
					cfg.Checkpoints = source.MemCheckpoints()
					e := mustStart(t, cfg)
					time.Sleep(3300 * time.Millisecond)
					if st := e.Stats().Sources["a"]; st.Read != 30 || st.InFlight != 30 {
						t.Fatalf("not in that state: %+v", st)
					}
					test(t, e, p, out, until)
					st := e.Stats()
					closes(t, st)
					if a, r := st.Sources["a"], st.Routes["route0"]; a.InFlight != 0 || st.InFlightBytes != 0 || r.Parked != 0 || r.Writing != 0 {
						t.Errorf("in flight at the end: %+v", st)
					}
				})
			})
		}
	}
}

// delivered checks that everything was, once and in order, and when.
func delivered(t *testing.T, p plight, out *collector, until time.Time) {
	t.Helper()
	if missing, twice, inOrder := out.check("numbers", 30); missing > 0 || twice > 0 || !inOrder {
		t.Errorf("%d missing, %d twice, in order: %v", missing, twice, inOrder)
	}
	if late := time.Since(until); late < 0 || late > p.after {
		t.Errorf("that was %v after it could be, want no more than %v", late, p.after)
	}
}

// Flush gives up when its ctx ends, and returns nil once everything is
// delivered; it makes no Write sooner than the destination wants it.
func TestFlushInEachPlight(t *testing.T) {
	inEach(t, func(t *testing.T, e *Engine, p plight, out *collector, until time.Time) {
		writes, began := out.wrote(), time.Now()
		if err := e.Flush(within(t, 800*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v", err)
		}
		if took := time.Since(began); took != 800*time.Millisecond {
			t.Errorf("Flush took %v of 800ms", took)
		}
		if more := out.wrote() - writes; more > 1 {
			t.Errorf("%d Writes for Flush", more)
		}
		if err := e.Flush(t.Context()); err != nil {
			t.Errorf("Flush = %v", err)
		}
		delivered(t, p, out, until)
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// Close without a deadline waits for delivery.
func TestCloseWaitsInEachPlight(t *testing.T) {
	inEach(t, func(t *testing.T, e *Engine, p plight, out *collector, until time.Time) {
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
		delivered(t, p, out, until)
	})
}

// Close with a deadline, or a ctx that is cancelled, is there in time, gives
// everything back, and the next life delivers it.
func TestCloseGivesBackInEachPlight(t *testing.T) {
	for _, wait := range []time.Duration{0, 4 * time.Second} {
		inEach(t, func(t *testing.T, e *Engine, _ plight, out *collector, _ time.Time) {
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			want := wait - e.cfg.Grace
			if wait == 0 {
				ctx, cancel = context.WithCancel(context.Background())
				cancel()
				want = 0
			}
			began := time.Now()
			err := e.Close(ctx)
			if took := time.Since(began); took != want {
				t.Errorf("Close took %v, want %v", took, want)
			}
			if left, ok := errors.AsType[*UndeliveredError](err); !ok || left.Sources["a"] != 30 {
				t.Errorf("Close = %v, want that 30 of a are not delivered", err)
			}
			if got := out.got(); len(got) != 0 {
				t.Errorf("delivered %v", got)
			}
			cfg := one(counter{total: 30, perBatch: 10}, Route{Sink: &collector{}})
			cfg.Checkpoints = e.cfg.Checkpoints
			if err := mustNew(t, cfg).Run(t.Context()); err != nil {
				t.Error(err)
			}
			if missing, twice, inOrder := cfg.Routes[0].Sink.(*collector).check("numbers", 30); missing > 0 || twice > 0 || !inOrder {
				t.Errorf("the next life: %d missing, %d twice, in order: %v", missing, twice, inOrder)
			}
		})
	}
}

// While a sink behind a queue on the disk is away, Flush and Close end at the
// disk, in the time they have, and the next life delivers what is there.
func TestFlushAndCloseWhileSpilling(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	cursors := source.MemCheckpoints()
	life := func(out *collector) *Engine {
		queue, err := sink.Spill(sink.Retry(out, sink.RetryConfig{Min: time.Millisecond, Max: 50 * time.Millisecond}),
			sink.SpillConfig{Dir: dir, CloseTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		cfg := one(counter{total: 30, perBatch: 10, follow: true}, Route{Sink: queue})
		cfg.Checkpoints = cursors
		return mustStart(t, cfg)
	}
	away := &collector{fail: func(int, context.Context, *batch.Batch) error { return errAway }}
	e := life(away)
	for e.Stats().Sources["a"].Read < 30 {
		runtime.Gosched()
	}
	if err := e.Flush(within(t, time.Minute)); err != nil {
		t.Errorf("Flush = %v", err)
	}
	for away.wrote() == 0 {
		runtime.Gosched()
	}
	if err := e.Close(within(t, time.Minute)); err != nil {
		t.Errorf("Close = %v", err)
	}
	st := e.Stats()
	closes(t, st)
	if a := st.Sources["a"]; a.Delivered != 30 || len(away.got()) != 0 {
		t.Errorf("%+v, delivered %v", a, away.got())
	}
	back := &collector{}
	e = life(back)
	for len(back.got()) < 30 {
		runtime.Gosched()
	}
	if err := e.Close(within(t, time.Minute)); err != nil {
		t.Errorf("Close = %v", err)
	}
	if missing, twice, inOrder := back.check("numbers", 30); missing > 0 || twice > 0 || !inOrder {
		t.Errorf("the next life: %d missing, %d twice, in order: %v", missing, twice, inOrder)
	}
}
