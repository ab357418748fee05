package pipeline

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

func TestAMatchThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		e := mustNew(t, one(counter{total: 30, perBatch: 3}, Route{Sink: out}, Route{Sink: out, Match: func(e *batch.Entry) bool {
			if string(e.Line) == "numbers 4" {
				panic("match")
			}
			return false
		}}))
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := e.Stats()
		closes(t, st)
		if a := st.Sources["a"]; a.Dropped[DroppedProcessor] != 3 || a.Delivered != 27 || len(out.got()) != 27 {
			t.Errorf("%+v", a)
		}
	})
}

// A shaper that panics is done without.
func TestAShaperThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		if err := mustNew(t, one(counter{total: 100}, Route{Sink: out, Shaper: badShaper{}})).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if missing, twice, _ := out.check("numbers", 100); missing > 0 || twice > 0 {
			t.Errorf("%d missing, %d twice", missing, twice)
		}
	})
}

type badShaper struct{}

func (badShaper) Limits(batch.State) batch.Limits { panic("Limits") }
func (badShaper) Observe(batch.Outcome)           { panic("Observe") }

// Hooks that panic, or end their goroutine, change nothing.
func TestHooksThatCrash(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("hook") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, letters := &collector{fail: func(n int, ctx context.Context, b *batch.Batch) error {
					if n%3 == 1 {
						return refuse(n, ctx, b)
					}
					return sevens(n, ctx, b)
				}}, &collector{}
				var mu sync.Mutex
				calls := map[string]int{}
				hook := func(name string) {
					mu.Lock()
					calls[name]++
					mu.Unlock()
					crash()
				}
				cp := &flakyCheckpoints{MemoryCheckpoints: source.MemCheckpoints(), failures: 2}
				cfg := one(counter{total: 100, perBatch: 5, every: 100 * time.Millisecond}, Route{Sink: out, DeadLetter: letters},
					Route{Sink: out, Match: func(e *batch.Entry) bool { return false }, BestEffort: true})
				cfg.Checkpoints = cp
				cfg.Restart = lifecycle.Restart{Min: time.Millisecond}
				cfg.Hooks = Hooks{
					WriteFailed:      func(string, error, time.Duration) { hook("WriteFailed") },
					Dropped:          func(string, string, int) { hook("Dropped") },
					DeadLettered:     func(string, int) { hook("DeadLettered") },
					SourceFailed:     func(string, error, time.Duration) { hook("SourceFailed") },
					CheckpointFailed: func(error) { hook("CheckpointFailed") },
				}
				cfg.Processors = []Processor{ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
					b.Filter(func(e *batch.Entry) bool { return e.Line[len(e.Line)-1] != '1' })
					return nil
				})}
				e := mustNew(t, cfg)
				if err := e.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				st := e.Stats()
				closes(t, st)
				if a := st.Sources["a"]; a.Delivered != 80 || a.DeadLettered != 10 || a.Dropped[DroppedFiltered] != 10 || st.InFlightBytes != 0 {
					t.Errorf("%+v", a)
				}
				want := []string{"CheckpointFailed", "DeadLettered", "Dropped", "WriteFailed"}
				if name == "Goexit" { // of a hook in Send: it is the source's goroutine
					want = append(want, "SourceFailed")
				}
				for _, h := range want {
					if calls[h] == 0 {
						t.Errorf("%s was not called", h)
					}
				}
			})
		})
	}
}
