package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
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

// A destination that ends the goroutine it is called by is tried again, by another, although a Write that failed before
// is to be repeated in an hour; and where there is no room for tasks but the queue's own.
func TestSpillGoexit(t *testing.T) {
	for _, tasks := range []int{3, 8} {
		t.Run(fmt.Sprint("tasks ", tasks), func(t *testing.T) {
			to := &fork{busy: map[batch.Labels]bool{}}
			to.gate = make(chan struct{})
			close(to.gate)
			var slept, ended atomic.Bool
			s, err := sink.Spill(&exiting{fork: to, before: func(b *batch.Batch) error {
				switch b.LabelsOf(0).Get("stream") {
				case "slow":
					if tasks > 3 && !slept.Swap(true) {
						return sink.Throttled(errDown, time.Hour)
					}
				default:
					if ended.CompareAndSwap(false, tasks == 3 || slept.Load()) && ended.Load() {
						runtime.Goexit()
					}
				}
				return nil
			}}, sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q")})
			if err != nil {
				t.Fatal(err)
			}
			sup := lifecycle.New(lifecycle.Config{MaxTasks: tasks})
			if err := s.Start(t.Context(), sup); err != nil {
				t.Fatal(err)
			}
			seq := sequence{}
			for range 20 {
				b := batch.New(nil, batch.Labels{})
				seq.put(b, "slow", 20)
				seq.put(b, "exits", 20)
				if err := s.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Drain(soon(t)); err != nil {
				t.Errorf("%v; %+v", err, s.Stats())
			}
			if !ended.Load() {
				t.Error("no goroutine was ended")
			}
			_ = errors.Join(s.Close(t.Context()), sup.Close(t.Context())) // which tells of the Goexit
		})
	}
}

// An exiting is a fork that does something before each Write.
type exiting struct {
	*fork
	before func(*batch.Batch) error
}

func (e *exiting) Write(ctx context.Context, b *batch.Batch) error {
	if err := e.before(b); err != nil {
		return err
	}
	return e.fork.Write(ctx, b)
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
