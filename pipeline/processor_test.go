package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

type typedError struct{ text string }

func (e *typedError) Error() string { return e.text }

// A processor that fails sends the batch, as it was read, to the dead letter, or
// drops it. It is no failure of the source, and the batch is not read again.
func TestAProcessorThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error":  func() error { return errors.New("processor") },
		"nil":    func() error { var none *typedError; return none },
		"panic":  func() error { panic("processor") },
		"Goexit": func() error { runtime.Goexit(); return nil },
	} {
		for _, dead := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dead letter %v", name, dead), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					out, letters := &collector{}, &letterbox{}
					cfg := one(counter{total: 30, perBatch: 3}, Route{Sink: out})
					if dead {
						cfg.Routes[0].DeadLetter = letters
					}
					calls := 0
					cfg.Processors = []Processor{
						ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
							b.Drop("fours", func(e *batch.Entry) bool { return e.Line[len(e.Line)-1] == '4' })
							b.Append(time.Time{}, []byte("more"))
							return nil
						}),
						ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
							if string(b.Entries[0].Line) != "numbers 3" {
								return nil
							}
							calls++
							b.Entries[0].Line = []byte("changed")
							return fail()
						}),
					}
					e := mustNew(t, cfg)
					if err := e.Run(t.Context()); err != nil {
						t.Fatal(err)
					}
					st := e.Stats()
					closes(t, st)
					a := st.Sources["a"]
					// 10 batches of 3 lines, 9 of them with a line more, and lines 14 and 24 dropped. What
					// the batch that failed had dropped counts for nothing.
					if calls != 1 || a.Read != 30 || a.Added != 9 || a.Dropped["fours"] != 2 || a.Delivered != 30-3-2+9 {
						t.Errorf("%d calls, %+v", calls, a)
					}
					if a.Restarts > 0 != (name == "Goexit") {
						t.Errorf("%d restarts", a.Restarts)
					}
					if dead {
						if a.DeadLettered != 3 || len(letters.lines) != 3 || letters.lines[0] != "numbers 3" || letters.lines[1] != "numbers 4" {
							t.Errorf("letters: %v", letters.lines)
						}
					} else if a.Dropped[DroppedProcessor] != 3 {
						t.Errorf("dropped %v", a.Dropped)
					}
				})
			})
		}
	}
}

// What a processor has taken for a batch before it failed is held with the batch, and
// counted for as long.
func TestAProcessorThatFailsAndItsMemory(t *testing.T) {
	const taken = 1 << 20
	synctest.Test(t, func(t *testing.T) {
		held := 0
		cfg := one(counter{total: 1, perBatch: 1}, Route{Sink: &collector{}})
		var e *Engine
		cfg.Routes[0].DeadLetter = sink.Func(func(context.Context, *batch.Batch) error {
			held = e.Stats().InFlightBytes
			return nil
		})
		cfg.Processors = []Processor{ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
			b.Buffer(taken)
			return errors.New("processor")
		})}
		e = mustNew(t, cfg)
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if held < taken || e.Stats().InFlightBytes != 0 {
			t.Errorf("%d bytes were in flight, and %d are in the end", held, e.Stats().InFlightBytes)
		}
	})
}

// What processors do to the numbers of entries is counted, and an emptied batch
// moves the cursor at once.
func TestProcessorsAreCounted(t *testing.T) {
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := &collector{single: single}
			cp := source.MemCheckpoints()
			cfg := one(counter{total: 100, perBatch: 10, follow: true}, Route{Sink: out, Shaper: forEver})
			cfg.Checkpoints = cp
			cfg.Processors = []Processor{ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
				b.Filter(func(*batch.Entry) bool { return false })
				return nil
			})}
			e := mustStart(t, cfg)
			time.Sleep(1300 * time.Millisecond)
			st := e.Stats()
			if a := st.Sources["a"]; a.Dropped[DroppedFiltered] != 100 || a.InFlight != 0 || st.InFlightBytes != 0 || st.Routes["route0"].Routed != 0 {
				t.Errorf("%v", st)
			}
			if got := cursorOf(t, cp, "a/numbers"); got != "100" {
				t.Errorf("cursor %q", got)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if out.wrote() != 0 {
				t.Error("an empty batch was written")
			}
		})
	}
}
