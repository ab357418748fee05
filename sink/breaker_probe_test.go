package sink_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Half-open admits one Write at a time; those in between are told to come back soon, not at once.
func TestBreakerProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{})
		p.trip(t)
		time.Sleep(5*time.Second + time.Millisecond)
		answer := make(chan error)
		p.answer = func(context.Context) error { return <-answer }
		probe := make(chan error)
		try := func() {
			go func() { probe <- p.write(t) }()
			synctest.Wait()
			for _, want := range []time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
				after, ok := p.refused(t)
				if !ok || after != want {
					t.Errorf("beside the probe: refused for %v: %v", after, ok)
				}
				time.Sleep(after)
			}
			p.is(t, sink.HalfOpen)
		}
		// Each of these leaves the place to the next.
		for _, err := range []error{sink.RetryAfter(errDown, 0), sink.Permanent(errDown), partial(errDown, 1)} {
			try()
			answer <- err
			<-probe
		}
		try()
		answer <- nil
		<-probe
		p.is(t, sink.Closed)
	})
}

// A probe whose caller goes away leaves its place to the next.
func TestBreakerProbeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{})
		p.trip(t)
		time.Sleep(5*time.Second + time.Millisecond)
		p.answer = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := p.Write(ctx, numbered(1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
			p.is(t, sink.HalfOpen)
		}
		p.fails(nil)
		if err := p.write(t); err != nil {
			t.Error(err)
		}
		p.is(t, sink.Closed)
	})
}

// A probe without an answer does not block the breaker for ever, and a Write that is none has no deadline.
func TestBreakerProbeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{ProbeTimeout: 4700 * time.Millisecond})
		p.trip(t)
		time.Sleep(5*time.Second + time.Millisecond)
		p.answer = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		began := time.Now()
		err := p.write(t)
		if want := "sink: probe: no answer within 4.7s: context deadline exceeded"; fmt.Sprint(err) != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 4700*time.Millisecond {
			t.Errorf("took %v", took)
		}
		p.is(t, sink.Open)
		time.Sleep(5*time.Second + time.Millisecond)
		p.fails(nil)
		p.write(t)
		p.is(t, sink.Closed)
		p.answer = func(ctx context.Context) error {
			if d, ok := ctx.Deadline(); ok {
				t.Errorf("a deadline while closed: %v", d)
			}
			return nil
		}
		p.write(t)
	})
}

// With a breaker in between, a destination that is back is used within OpenFor and its jitter, however long it was
// away.
func TestBreakerRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(3 * time.Hour)
		writes := 0
		s := sink.Retry(sink.Breaker(sink.Func(func(context.Context, *batch.Batch) error {
			writes++
			if time.Now().Before(back) {
				return errDown
			}
			return nil
		}), sink.BreakerConfig{Failures: 1}), sink.RetryConfig{Max: 5 * time.Second})
		if err := s.Write(t.Context(), numbered(1)); err != nil {
			t.Error(err)
		}
		if late := time.Since(back); late > 15*time.Second {
			t.Errorf("delivered %v after the destination was back", late)
		}
		if writes > 3*3600/5+10 {
			t.Errorf("%d Writes in three hours", writes)
		}
	})
}
