package sinktest

import (
	"context"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

const defaultPatience = 30 * time.Second

// A harness is one Sink with the kit around it.
type harness struct {
	testing.TB
	target Target
	pool   *batch.Pool
	ledger *ledger

	tasks  *lifecycle.Supervisor // of the Sink
	calls  *lifecycle.Supervisor // of the kit: what may hang is called there
	closed bool
}

func start(t testing.TB, target Target) *harness {
	t.Helper()
	if target.Sink == nil {
		t.Fatal("sinktest: Target.Sink is nil")
	}
	if target.Patience <= 0 {
		target.Patience = defaultPatience
	}
	h := &harness{
		TB:     t,
		target: target,
		pool:   &batch.Pool{Poison: true},
		ledger: newLedger(),
		tasks:  lifecycle.New(lifecycle.Config{Name: "sink"}),
		calls:  lifecycle.New(lifecycle.Config{Name: "sinktest"}),
	}
	t.Cleanup(func() {
		t.Helper()
		h.close(context.Background())
		h.end("the kit", h.calls)
	})
	for _, s := range sink.Starters(target.Sink) {
		if err := h.within("Start", func(ctx context.Context) error { return s.Start(ctx, h.tasks) }); err != nil {
			t.Fatalf("sinktest: Start: %v", err)
		}
	}
	return h
}

// within calls f and fails the test at once if f takes too long, panics or ends its goroutine. It returns f's error.
func (h *harness) within(what string, f func(context.Context) error) error {
	h.Helper()
	var err error
	call := h.calls.Go(what, func(ctx context.Context) error {
		err = f(ctx)
		return nil
	})
	h.await(what, call)
	return err
}

// await waits for a call to end.
func (h *harness) await(what string, call *lifecycle.Handle) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.target.Patience)
	defer cancel()
	err := call.Wait(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		call.Stop()
		h.Fatalf("sinktest: %s did not return within %v", what, h.target.Patience)
	default:
		h.Fatalf("sinktest: %s did not return: %v", what, err)
	}
}

// close closes the Sink, once, and then what it started.
func (h *harness) close(ctx context.Context) {
	h.Helper()
	if h.closed {
		return
	}
	h.closed = true
	err := h.within("Close", func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, h.target.Patience/2)
		defer cancel()
		return h.target.Sink.Close(ctx)
	})
	if err != nil && ctx.Err() == nil {
		h.Errorf("sinktest: Close: %v", err)
	}
	h.end("the Sink", h.tasks)
}

// end closes a supervisor.
func (h *harness) end(whose string, sup *lifecycle.Supervisor) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.target.Patience)
	defer cancel()
	if err := sup.Close(ctx); err != nil {
		h.Errorf("sinktest: tasks of %s: %v", whose, err)
	}
}
