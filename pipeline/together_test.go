package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Where a batch may be of several streams, many Writes at once do not mean many
// small ones: what has come of all of them goes together, in the order it came.
func TestSmallBatchesGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		shaper := batch.Fixed(batch.Limits{MaxEntries: 25, MaxWait: 700 * time.Millisecond})
		cfg := Config{Sources: streams(20, 3, 100*time.Millisecond), Routes: []Route{{Sink: out, Shaper: shaper, MaxInFlight: 8}}}
		e := mustStart(t, cfg)
		<-e.Done()
		// Nothing lingers once the sources have ended.
		if got, want := out.String(), "100ms:25 200ms:25 300ms:10"; got != want {
			t.Errorf("Writes at %s, want %s", got, want)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for i := range 20 {
			if missing, twice, inOrder := out.check(fmt.Sprintf("s%d", i), 3); missing > 0 || twice > 0 || !inOrder {
				t.Errorf("s%d: %d missing, %d twice, in order: %v", i, missing, twice, inOrder)
			}
		}
	})
}

// While one of several streams in a batch is told to wait, the others go on, and
// so do others that come later.
func TestAStreamOfManyIsParkedAlone(t *testing.T) {
	for _, inFlight := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			const total = 50
			out := &collector{}
			back := time.Now().Add(10 * time.Minute)
			var told sink.PartialError
			out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
				var p sink.PartialError
				for i := range b.Entries {
					if b.LabelsOf(i).Get("stream") == "s3" && time.Now().Before(back) {
						p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.RetryAfter(errors.New("429"), time.Until(back))})
						continue
					}
					out.mu.Lock()
					out.lines = append(out.lines, string(b.Entries[i].Line))
					out.mu.Unlock()
				}
				if len(p.Failures) > 0 {
					told = p
					return &p
				}
				return &sink.PartialError{} // nothing failed, and the collector takes nothing twice
			}
			e := mustStart(t, Config{Sources: streams(9, total, 20*time.Millisecond), Routes: []Route{{Sink: out, MaxInFlight: inFlight}}})
			time.Sleep(47 * time.Second)
			for i := range 9 {
				name := fmt.Sprintf("s%d", i)
				missing, twice, inOrder := out.check(name, total)
				if parked := i == 3; parked != (missing == total) || !parked && missing > 0 || twice > 0 || !inOrder {
					t.Errorf("%s: %d missing after 47 s, %d twice, in order: %v", name, missing, twice, inOrder)
				}
			}
			if len(told.Failures) == 0 {
				t.Error("nobody was told to wait")
			}
			<-e.Done()
			if missing, twice, inOrder := out.check("s3", total); missing > 0 || twice > 0 || !inOrder {
				t.Errorf("s3 in the end: %d missing, %d twice, in order: %v", missing, twice, inOrder)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
			closes(t, e.Stats())
		})
	}
}

// What is written again is cut to what the shaper allows by then.
func TestAResendGoesInPieces(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			out := newDiary()
			out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
				out.note(n, ctx, b)
				if n <= 2 {
					return errors.New("not there")
				}
				return nil
			}
			probing := &script{}
			probing.limits = func(st batch.State) batch.Limits {
				l := batch.Limits{MaxEntries: 20 * n, MaxWait: time.Hour, InFlight: 1}
				if st.Begun > 0 {
					l.MaxBytes = 8 * len("s0 0") * n
				}
				return l
			}
			// The sources are there until the Write is full: once they have ended nothing waits for more.
			cfg := Config{Sources: streams(n, 20, time.Second), Routes: []Route{{
				Sink: sink.Retry(out, sink.RetryConfig{Min: time.Second, Jitter: -1}), Shaper: probing, MaxInFlight: 4}}}
			e := mustNew(t, cfg)
			if err := e.Run(t.Context()); err != nil {
				t.Error(err)
			}
			// Lines 10 to 19 of a stream have a byte more than the others.
			if got, want := out.String(), "19s:20 20s:8 22s:6 22s:6 22s:8"; n == 1 && got != want {
				t.Errorf("Writes at %s, want %s", got, want)
			}
			for _, o := range probing.outcomes()[1:] {
				if o.Bytes > 8*len("s0 0")*n || o.Entries == 0 {
					t.Errorf("a piece is %+v", o)
				}
			}
			if c := probing.outcomes()[0].Class; c != batch.Failed {
				t.Errorf("the first outcome is of class %v", c)
			}
			for i := range n {
				if missing, twice, inOrder := out.check(fmt.Sprintf("s%d", i), 20); missing > 0 || twice > 0 || !inOrder {
					t.Errorf("s%d: %d missing, %d twice, in order: %v", i, missing, twice, inOrder)
				}
			}
			st := e.Stats()
			closes(t, st)
			if r := st.Routes["route0"]; r.Retries != 2 || r.Delivered != int64(20*n) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A batch that is too large goes in smaller ones, at once, whatever the shaper
// says; a single entry that is too large is refused for good.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			out.note(n, ctx, b)
			for i := range b.Entries {
				if strings.HasSuffix(string(b.Entries[i].Line), " 77") || len(b.Entries) > 30 {
					return sink.TooLarge(errors.New("413"))
				}
			}
			return nil
		}
		shaper := &shaperLog{Shaper: batch.Fixed(batch.Limits{})}
		cfg := one(counter{total: 100, perBatch: 100}, Route{Sink: out, Shaper: shaper})
		var log lockedBuffer
		var hooked int
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Hooks.WriteFailed = func(_ string, err error, wait time.Duration) {
			if hooked++; !sink.IsTooLarge(err) || wait != 0 {
				t.Errorf("told of %v, repeated after %v", err, wait)
			}
		}
		e := mustNew(t, cfg)
		began := time.Now()
		if err := e.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("that took %v", took)
		}
		if missing, twice, inOrder := out.check("numbers", 100); missing != 1 || twice > 0 || !inOrder {
			t.Errorf("%d missing, %d twice, in order: %v", missing, twice, inOrder)
		}
		if shaper.seen[0].Class != batch.TooLarge {
			t.Errorf("outcomes %+v", shaper.seen)
		}
		st := e.Stats()
		closes(t, st)
		if r := st.Routes["route0"]; r.Dropped[DroppedRefused] != 1 || r.Delivered != 99 || r.Retries != int64(hooked) || hooked == 0 {
			t.Errorf("told of %d: %+v", hooked, r)
		}
		if strings.Count(log.String(), "goes in pieces") != 1 || strings.Contains(log.String(), "goes well again") {
			t.Errorf("the log:\n%s", log.String())
		}
	})
}
