package sink_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A destination that panics is tried again.
func TestSpillPanic(t *testing.T) {
	to := &memory{}
	first := true
	s, err := sink.Spill(sink.Retry(sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if first {
			first = false
			panic("no")
		}
		return to.Write(ctx, b)
	}), sink.RetryConfig{Min: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q")})
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b, _ := series(1, 3)
	if err := errors.Join(s.Write(t.Context(), b[0]), s.Drain(t.Context()), s.Close(t.Context()), sup.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if len(to.held) != 3 {
		t.Errorf("%d entries delivered", len(to.held))
	}
}

// Hooks and a shaper that panic cost neither entries nor the queue, and nothing comes twice by them.
func TestSpillPluginsPanic(t *testing.T) {
	writes := 0
	s, err := sink.Spill(sink.Func(func(context.Context, *batch.Batch) error {
		writes++
		return sink.Permanent(errDown)
	}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), Shaper: panicky{}, OnRefused: func(int, error) { panic("no") }})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b, _ := series(1, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := errors.Join(s.Write(ctx, b[0]), s.Drain(ctx), s.Close(ctx)); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); writes != 1 || st.Refused != 3 {
		t.Errorf("%d Writes, %+v", writes, st)
	}
}

type panicky struct{}

func (panicky) Limits(batch.State) batch.Limits { panic("no") }
func (panicky) Observe(batch.Outcome)           { panic("no") }
