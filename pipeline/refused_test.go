package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

func ruin(_ context.Context, b *batch.Batch) error {
	b.Labels = batch.MustLabels("stream", "ruined")
	return errors.New("processor")
}

// What a processor failed over is no copy: a best-effort route, which may drop
// it, does not get it.
func TestFailedBatchesAvoidBestEffort(t *testing.T) {
	for _, sure := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			letters := &collector{}
			cfg := one(counter{total: 30, perBatch: 3},
				Route{Name: "maybe", Sink: &collector{}, DeadLetter: &collector{}, BestEffort: true, Overflow: DropNewest, BufferBytes: 1},
				Route{Name: "sure", Sink: &collector{}})
			if sure {
				cfg.Routes[1].DeadLetter = letters
			}
			cfg.Processors = []Processor{ProcessorFunc(ruin)}
			e := mustNew(t, cfg)
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := e.Stats()
			closes(t, st)
			a := st.Sources["a"]
			if sure && (a.DeadLettered != 30 || len(letters.got()) != 30) {
				t.Errorf("%d letters, %+v", len(letters.got()), a)
			}
			if !sure && a.Dropped[DroppedProcessor] != 30 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// A batch is dead-lettered under the labels it was read with.
func TestFailedBatchesKeepTheirLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got batch.Labels
		letters := &collector{fail: func(_ int, _ context.Context, b *batch.Batch) error {
			got = b.LabelsOf(0)
			return nil
		}}
		cfg := one(counter{total: 3, perBatch: 3}, Route{Sink: &collector{}, DeadLetter: letters})
		cfg.Processors = []Processor{ProcessorFunc(ruin)}
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := batch.MustLabels("stream", "numbers"); got != want {
			t.Errorf("labels %v, want %v", got, want)
		}
	})
}

// An idle sink is given what is larger than the buffer: nothing waits before it.
func TestOverflowOfAnIdleSink(t *testing.T) {
	for policy, want := range map[Overflow]int{DropOldest: 100, DropNewest: 100, Sample: 10} {
		synctest.Test(t, func(t *testing.T) {
			out := &collector{}
			e := mustNew(t, one(counter{total: 100, perBatch: 10, every: time.Second}, Route{Sink: out, Overflow: policy, BufferBytes: 1}))
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(out.got()); got != want {
				t.Errorf("policy %d: %d lines delivered, want %d", policy, got, want)
			}
			closes(t, e.Stats())
		})
	}
}

// notNow is a Write that delivered all but the first entry.
func notNow() error {
	return &sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: errors.New("not now")}}}
}

// A shaperLog remembers outcomes.
type shaperLog struct {
	batch.Shaper
	seen []batch.Outcome
}

func (s *shaperLog) Observe(o batch.Outcome) { s.seen = append(s.seen, o) }

// The shaper is told of the entries that were written, not of those the Write
// was once begun with.
func TestOutcomeOfARepeatedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{fail: func(n int, ctx context.Context, b *batch.Batch) error {
			if n == 1 {
				return notNow()
			}
			return nil
		}}
		shaper := &shaperLog{Shaper: batch.Fixed(batch.Limits{})}
		e := mustNew(t, one(counter{total: 10, perBatch: 10}, Route{Sink: out, Shaper: shaper}))
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		line := len("numbers 0")
		if s := shaper.seen; len(s) != 2 || s[0].Entries != 10 || s[0].Bytes != 10*line || s[1].Entries != 1 || s[1].Bytes != line {
			t.Errorf("outcomes %+v", s)
		}
		if got := e.Stats().Routes["route0"].Bytes; got != int64(10*line) {
			t.Errorf("%d bytes delivered", got)
		}
	})
}

// damaged checkpoints panic when asked about it.
type damaged struct{ *source.MemoryCheckpoints }

func (damaged) Recovered() error { panic("checkpoints") }

func TestRecoveredPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one(counter{total: 3}, Route{Sink: &collector{}})
		cfg.Checkpoints = damaged{source.MemCheckpoints()}
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestHealthAsksTheDeadLetter(t *testing.T) {
	letters := &ailing{is: func(string) bool { return true }}
	e := mustNew(t, one(counter{}, Route{Name: "r", Sink: &collector{}, DeadLetter: letters}))
	if h := e.Health(); len(h.Problems) != 1 || h.Problems[0] != "dead letter of route r: pale" {
		t.Errorf("problems %q", h.Problems)
	}
}
