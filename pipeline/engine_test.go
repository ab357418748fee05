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
	"github.com/logferry/logferry/source"
)

func TestDeliversEverythingInOrder(t *testing.T) {
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := &collector{single: single}
			e := mustNew(t, Config{
				Sources: map[string]source.Source{
					"a": counter{stream: "a", total: 10_000, perBatch: 37},
					"b": counter{stream: "b", total: 5_000, perBatch: 501},
				},
				Routes: []Route{{Sink: out}},
			})
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			for stream, total := range map[string]int{"a": 10_000, "b": 5_000} {
				missing, twice, inOrder := out.check(stream, total)
				if missing != 0 || twice != 0 || !inOrder {
					t.Errorf("PerStream %v, stream %s: %d missing, %d twice, in order: %v", single, stream, missing, twice, inOrder)
				}
			}
			st := e.Stats()
			closes(t, st)
			if got := st.Sources["a"].Delivered; got != 10_000 {
				t.Errorf("delivered of a = %d", got)
			}
			if out.closed != 1 {
				t.Errorf("sink closed %d times", out.closed)
			}
			if st.InFlightBytes != 0 {
				t.Errorf("%d bytes of the budget were not given back", st.InFlightBytes)
			}
		})
	}
}

// A marker is a Processor with a task of its own.
type marker struct {
	ProcessorFunc
	fail    error
	started *lifecycle.Handle
}

func (m *marker) Start(_ context.Context, sup *lifecycle.Supervisor) error {
	if m.fail != nil {
		return m.fail
	}
	m.started = sup.Go("marker", func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
	return nil
}

func TestProcessorsMayHaveTasks(t *testing.T) {
	nothing := ProcessorFunc(func(context.Context, *batch.Batch) error { return nil })
	m := &marker{ProcessorFunc: nothing}
	cfg := Config{Processors: []Processor{nothing, m}, Routes: []Route{{Sink: &collector{}}}}
	e := mustStart(t, cfg)
	if n := e.sup.Count("pipeline/processors/marker"); n != 1 {
		t.Errorf("%d tasks of the processor, want 1", n)
	}
	if err := e.Close(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if m.started.Err() != nil {
		t.Error(m.started.Err())
	}
	m.fail = errors.New("no tasks today")
	e = mustNew(t, cfg)
	if err := e.Start(t.Context()); !errors.Is(err, m.fail) || !strings.Contains(err.Error(), "Processors[1]") {
		t.Errorf("Start = %v, want the error of Processors[1]", err)
	}
}
