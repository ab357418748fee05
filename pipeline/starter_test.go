package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A starter has a task of its own.
type starter struct {
	collector
	wait  time.Duration
	err   error
	ended bool
	task  *lifecycle.Handle
}

func (s *starter) Start(ctx context.Context, sup *lifecycle.Supervisor) error {
	if err := sleep(ctx, s.wait); err != nil {
		return err
	}
	s.task = sup.Go("helper", func(ctx context.Context) error { <-ctx.Done(); return nil })
	return s.err
}

func (s *starter) Close(ctx context.Context) error {
	select {
	case <-s.task.Done():
		s.ended = true // too early: Close of the sink comes first
	default:
	}
	return s.collector.Close(ctx)
}

func TestStarters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &starter{}
		// Decorated, and shared: started and closed once.
		e := mustStart(t, one(counter{total: 10}, Route{Sink: sink.Retry(sink.Timeout(s, time.Minute), sink.RetryConfig{})},
			Route{Sink: &collector{}, DeadLetter: sink.Timeout(s, time.Second)}))
		if n := e.sup.Count("pipeline/sinks"); n != 1 {
			t.Errorf("%d tasks of sinks, want 1", n)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s.ended {
			t.Error("the sink's task was stopped before the sink was closed")
		}
	})
}

// When a sink does not start, those that did are closed.
func TestStartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, broken, third := &starter{}, &starter{err: errors.New("no licence")}, &starter{}
		e := mustNew(t, one(counter{total: 10}, Route{Sink: first}, Route{Sink: broken}, Route{Sink: third}))
		if err := e.Start(t.Context()); !errors.Is(err, broken.err) {
			t.Errorf("Start = %v", err)
		}
		if first.closed != 1 || broken.closed != 0 || third.closed != 0 {
			t.Errorf("closed %d, %d and %d times", first.closed, broken.closed, third.closed)
		}
		if len(e.sup.Running()) != 0 {
			t.Errorf("left running: %v", e.sup.Running())
		}
		<-e.Done()
	})
}

// When one of the sinks that a decorator wraps does not start, those of them
// that did are closed, and it is not.
func TestStartFailsInsideADecorator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well, broken := &starter{}, &starter{err: errors.New("no licence")}
		e := mustNew(t, one(counter{total: 10}, Route{Name: "r", Sink: sink.Failover(well, broken)}))
		err := e.Start(t.Context())
		if !errors.Is(err, broken.err) || !strings.Contains(err.Error(), "starting sink of route r") {
			t.Errorf("Start = %v", err)
		}
		if well.closed != 1 || broken.closed != 0 {
			t.Errorf("closed %d and %d times", well.closed, broken.closed)
		}
	})
}

func TestSharedSinksAreClosedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &collector{}
		e := mustStart(t, one(counter{total: 10}, Route{Sink: shared}, Route{Sink: sink.Retry(shared, sink.RetryConfig{}), DeadLetter: shared},
			Route{Sink: sink.Discard()}, Route{Sink: sink.Discard()}, Route{Sink: sink.Func(func(context.Context, *batch.Batch) error { return nil })},
			Route{Sink: incomparable{f: func() {}}}))
		<-e.Done()
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if shared.closed != 1 {
			t.Errorf("closed %d times", shared.closed)
		}
		if n := len(shared.got()); n != 20 {
			t.Errorf("%d lines, want each twice", n)
		}
	})
}

// incomparable is comparable by its type, and panics when compared.
type incomparable struct{ f any }

func (incomparable) Write(context.Context, *batch.Batch) error { return nil }
func (incomparable) Close(context.Context) error               { return nil }
