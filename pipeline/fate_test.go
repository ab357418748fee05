package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// sevens refuses the lines that end in 7, for good.
func sevens(_ int, _ context.Context, b *batch.Batch) error {
	var p sink.PartialError
	for i := range b.Entries {
		if l := b.Entries[i].Line; l[len(l)-1] == '7' {
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("seven"))})
		}
	}
	if len(p.Failures) == 0 {
		return nil
	}
	return &p
}

// letterbox is a sink that remembers attributes too.
type letterbox struct {
	collector
	attrs []string
}

func (l *letterbox) Write(ctx context.Context, b *batch.Batch) error {
	if err := l.collector.Write(ctx, b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Entries {
		l.attrs = append(l.attrs, fmt.Sprintf("%s %v", b.Entries[i].Line, b.Entries[i].Attrs))
	}
	return nil
}

func TestPermanentFailuresGoToTheDeadLetter(t *testing.T) {
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out, letters := &collector{fail: sevens, single: single}, &letterbox{}
			letters.fail = func(n int, ctx context.Context, b *batch.Batch) error {
				if n < 4 { // it is retried like any sink
					return refuse(n, ctx, b)
				}
				return nil
			}
			e := mustNew(t, one(counter{total: 100, perBatch: 8}, Route{Name: "r", Sink: out, DeadLetter: letters}))
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := e.Stats()
			closes(t, st)
			if a := st.Sources["a"]; a.DeadLettered != 10 || a.Delivered != 90 {
				t.Errorf("dead-lettered %d, delivered %d, want 10 and 90", a.DeadLettered, a.Delivered)
			}
			if r := st.Routes["r"]; r.DeadLettered != 10 || r.Delivered != 90 || r.Retries != 3 {
				t.Errorf("route: %+v", r)
			}
			want := "numbers 7 [{dead_letter_reason seven} {dead_letter_route r}]"
			if len(letters.attrs) != 10 || letters.attrs[0] != want {
				t.Errorf("letters %v, want %s first", letters.attrs, want)
			}
		})
	}
}

func TestRefusedIsDroppedWithoutADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letters := &collector{fail: func(int, context.Context, *batch.Batch) error { return sink.Permanent(errors.New("no")) }}
		e := mustNew(t, one(counter{total: 100, perBatch: 8}, Route{Name: "drops", Sink: &collector{fail: sevens}},
			Route{Name: "refuses", Sink: &collector{fail: sevens}, DeadLetter: letters}))
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := e.Stats()
		closes(t, st)
		if n := st.Routes["drops"].Dropped[DroppedRefused]; n != 10 {
			t.Errorf("refused: %d", n)
		}
		if n := st.Routes["refuses"].Dropped[DroppedDeadLetter]; n != 10 {
			t.Errorf("refused by the dead letter: %d", n)
		}
		if a := st.Sources["a"]; a.Delivered != 90 || sum(a.Dropped) != 10 {
			t.Errorf("source: %+v", a)
		}
		if got, want := st.Routes["drops"].Bytes, int64(900-10-1*9); got == 0 || got >= int64(100*len("numbers 10")) {
			t.Errorf("%d bytes delivered, want about %d", got, want)
		}
	})
}

// A Write that panics, or ends its goroutine, is repeated, and refused for good
// after three times.
func TestAPanickingWriteIsPermanentAfterThree(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("sink") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, letters := &collector{}, &letterbox{}
				times := 0
				out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
					if string(b.Entries[0].Line) == "numbers 3" {
						times++
						crash()
					}
					return nil
				}
				e := mustStart(t, one(counter{total: 10}, Route{Sink: out, DeadLetter: letters, Shaper: batch.Fixed(batch.Limits{MaxEntries: 1})}))
				<-e.Done()
				synctest.Wait() // or the last crash may come to be one during Close, which tells of it
				if err := e.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				st := e.Stats()
				closes(t, st)
				if times != 3 || st.Sources["a"].DeadLettered != 1 || st.Sources["a"].Delivered != 9 {
					t.Errorf("%d Writes, then %+v", times, st.Sources["a"])
				}
				if len(letters.attrs) != 1 || !strings.HasPrefix(letters.attrs[0], "numbers 3 [{dead_letter_reason ") {
					t.Errorf("letters: %v", letters.attrs)
				}
			})
		})
	}
}

// An error whose methods panic harms nobody.
func TestAnErrorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		out.fail = func(n int, _ context.Context, b *batch.Batch) error {
			var none *typedError
			switch n {
			case 1:
				return none
			case 2:
				return &sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: none}}}
			case 3:
				return sink.Permanent(none)
			}
			return nil
		}
		e := mustNew(t, one(counter{total: 10}, Route{Sink: out}))
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if missing, twice, _ := out.check("numbers", 10); missing > 0 || twice > 0 {
			t.Errorf("%d missing, %d twice", missing, twice)
		}
	})
}

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

// What is dropped for a reason is counted by it, whatever else is done to the
// batch, whoever dropped it, and the hooks are told.
func TestDropsAreCountedByReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := map[string]int{}
		endsIn := func(digits string) func(*batch.Entry) bool {
			return func(e *batch.Entry) bool { return strings.ContainsAny(digits, string(e.Line[len(e.Line)-1:])) }
		}
		cfg := one(counter{}, Route{Sink: &collector{}})
		cfg.Sources["a"] = source.Func(func(ctx context.Context, out *source.Outlet) error {
			s, err := out.Open(ctx, "numbers", batch.Labels{})
			if err != nil {
				return err
			}
			for range 2 {
				b := s.NewBatch()
				for i := range 10 {
					b.Append(time.Time{}, []byte(strconv.Itoa(i)))
				}
				b.Drop("source", endsIn("0"))
				if err := s.Send(ctx, b, "x"); err != nil {
					return err
				}
			}
			b := s.NewBatch() // with nothing left in it
			b.Append(time.Time{}, []byte("0"))
			b.Drop("source", endsIn("0"))
			return s.Send(ctx, b, "y")
		})
		cfg.Hooks.Dropped = func(route, reason string, n int) { told[route+reason] += n }
		cfg.Processors = []Processor{
			ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
				b.Drop("low", endsIn("12"))
				b.Filter(func(e *batch.Entry) bool { return !endsIn("3")(e) })
				b.Drop("high", endsIn("9"))
				return nil
			}),
			ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
				b.Drop("low", endsIn("4"))
				b.Append(time.Time{}, []byte("more"))
				return nil
			}),
		}
		e := mustNew(t, cfg)
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := e.Stats()
		closes(t, st)
		want := map[string]int64{"source": 3, "low": 6, "high": 2, DroppedFiltered: 2}
		if a := st.Sources["a"]; a.Read != 21 || a.Added != 3 || a.Delivered != 2*4+3 || !maps.Equal(a.Dropped, want) {
			t.Errorf("%+v", a)
		}
		for reason, n := range want {
			if told[reason] != int(n) {
				t.Errorf("the hook was told of %d %q, not of %d", told[reason], reason, n)
			}
		}
	})
}

// A processor that makes reasons of what it reads does not make the ledger grow
// for ever.
func TestReasonsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one(counter{total: 1000, perBatch: 10}, Route{Sink: &collector{}})
		told := map[string]int64{}
		cfg.Hooks.Dropped = func(_, reason string, n int) { told[reason] += int64(n) }
		cfg.Processors = []Processor{ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
			for len(b.Entries) > 0 {
				first := string(b.Entries[0].Line)
				b.Drop(first, func(e *batch.Entry) bool { return string(e.Line) == first })
			}
			return nil
		})}
		e := mustNew(t, cfg)
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := e.Stats()
		closes(t, st)
		dropped := st.Sources["a"].Dropped
		if len(dropped) > maxReasons+1 || dropped[DroppedFiltered] != int64(1000-maxReasons) || !maps.Equal(dropped, told) {
			t.Errorf("%d reasons, %d of them for the others, %d told", len(dropped), dropped[DroppedFiltered], len(told))
		}
	})
}

func TestUnrouted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		endsIn := func(digits string) func(*batch.Entry) bool {
			return func(e *batch.Entry) bool { return strings.ContainsAny(digits, string(e.Line[len(e.Line)-1:])) }
		}
		e := mustNew(t, one(counter{total: 100, perBatch: 9}, Route{Sink: out, Match: endsIn("0123")}, Route{Sink: out, Match: endsIn("34")}))
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := e.Stats()
		closes(t, st)
		if a := st.Sources["a"]; a.Dropped[DroppedUnrouted] != 50 || a.Delivered != 50 {
			t.Errorf("%+v", a)
		}
		if len(out.got()) != 60 {
			t.Errorf("%d lines, want those with a 3 twice", len(out.got()))
		}
	})
}

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

// flakyCheckpoints fail, by an error and a panic in turn.
type flakyCheckpoints struct {
	*source.MemoryCheckpoints
	mu       sync.Mutex
	failures int
}

func (f *flakyCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	f.mu.Lock()
	f.failures--
	left := f.failures
	f.mu.Unlock()
	switch {
	case left > 0:
		return errors.New("disk full")
	case left == 0:
		panic("checkpoints")
	}
	return f.MemoryCheckpoints.Save(ctx, set, drop)
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		var down sync.Map
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if _, ok := down.Load("down"); ok {
				return refuse(n, ctx, b)
			}
			return sleep(ctx, 1700*time.Millisecond)
		}
		e := mustStart(t, one(counter{total: 100, perBatch: 10, follow: true, every: time.Second}, Route{Sink: out, Shaper: forEver}))
		time.Sleep(3300 * time.Millisecond)
		read := e.Stats().Sources["a"].Read
		if err := e.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(out.got())); n < read {
			t.Errorf("%d lines after Flush, %d were read before", n, read)
		}
		down.Store("down", true)
		time.Sleep(2 * time.Second)
		began := time.Now()
		if err := e.Flush(within(t, 5*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		// One that waits when the pipeline is stopped learns of it.
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Flush(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("Flush during Close = %v", err)
			}
		})
		synctest.Wait()
		if err := e.Close(within(t, 3*time.Second)); err == nil {
			t.Error("Close = nil")
		}
		wg.Wait()
		if len(e.flights.waits) != 0 || e.haste.Load() != 0 {
			t.Error("a Flush has left something behind")
		}
	})
}

// Flush tells of a batch whose Send gave up, and Done does not wait for one.
func TestFlushTellsOfALostBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back sync.Map
		out := &collector{fail: func(n int, ctx context.Context, b *batch.Batch) error {
			if _, ok := back.Load("back"); !ok {
				return refuse(n, ctx, b)
			}
			return nil
		}}
		cfg := one(counter{}, Route{Sink: out})
		cfg.MaxInFlightBytes = 1
		cfg.Sources["a"] = source.Func(func(ctx context.Context, o *source.Outlet) error {
			s, err := o.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			for _, d := range []time.Duration{time.Hour, 2 * time.Second} {
				b := s.NewBatch()
				b.Append(time.Time{}, []byte("numbers 0"))
				ctx, cancel := context.WithTimeout(ctx, d)
				err = s.Send(ctx, b, "1")
				cancel()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send = %v", err)
			}
			return nil
		})
		e := mustStart(t, cfg)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Flush(context.Background()); err == nil || errors.Is(err, ErrClosed) {
				t.Errorf("Flush = %v", err)
			}
		})
		time.Sleep(5 * time.Second)
		back.Store("back", true)
		<-e.Done()
		wg.Wait()
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// A best-effort route neither delays an acknowledgement nor counts in a
// source's account.
func TestBestEffortDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := source.MemCheckpoints()
		stuck := &collector{fail: func(_ int, ctx context.Context, _ *batch.Batch) error { <-ctx.Done(); return ctx.Err() }}
		out := &collector{}
		cfg := one(counter{total: 100, perBatch: 10, follow: true}, Route{Name: "maybe", Sink: stuck, BestEffort: true}, Route{Sink: out})
		cfg.Checkpoints = cp
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		st := e.Stats()
		if a := st.Sources["a"]; a.Delivered != 100 || st.InFlightBytes != 0 || st.Routes["maybe"].InFlight != 100 {
			t.Errorf("%v", st)
		}
		if got := cursorOf(t, cp, "a/numbers"); got != "100" {
			t.Errorf("cursor %q", got)
		}
		if err := e.Flush(within(t, time.Second)); err != nil {
			t.Errorf("Flush = %v", err)
		}
		if err := e.Close(within(t, 3*time.Second)); err != nil {
			t.Errorf("Close = %v", err)
		}
		closes(t, e.Stats())
		if len(out.got()) != 100 {
			t.Errorf("%d lines", len(out.got()))
		}
	})
}
