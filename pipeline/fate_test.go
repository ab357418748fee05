package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
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
