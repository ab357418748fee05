package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A script is a Shaper whose answers a test writes.
type script struct {
	mu     sync.Mutex
	limits func(batch.State) batch.Limits
	asks   int
	seen   []batch.Outcome
}

func (s *script) Limits(st batch.State) batch.Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	return s.limits(st)
}

func (s *script) Observe(o batch.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, o)
}

func (s *script) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asks
}

func (s *script) outcomes() []batch.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]batch.Outcome(nil), s.seen...)
}

// A diary notes when each Write began, since the diary did, and how large it was.
type diary struct {
	collector
	began time.Time
	notes []string
}

func newDiary() *diary {
	d := &diary{began: time.Now()}
	d.fail = d.note
	return d
}

func (d *diary) note(_ int, _ context.Context, b *batch.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, fmt.Sprintf("%v:%d", time.Since(d.began), len(b.Entries)))
	return nil
}

// String lists the notes, those of one instant in order of their size.
func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	notes := slices.Clone(d.notes)
	slices.SortStableFunc(notes, func(a, b string) int {
		x, m, _ := strings.Cut(a, ":")
		y, n, _ := strings.Cut(b, ":")
		if x != y {
			return 0
		}
		return strings.Compare(m, n)
	})
	return strings.Join(notes, " ")
}

// group lingers for long while a Write runs, and for short while none does, as
// group commit wants it.
func group(st batch.State) batch.Limits {
	if st.InFlight > 0 {
		return batch.Limits{MaxWait: time.Minute}
	}
	return batch.Limits{MaxWait: 2 * time.Millisecond}
}

// What lingers is cut by the limits as they are now: when the last Write ends,
// what has lingered behind it goes.
func TestMaxWaitIsThatOfNow(t *testing.T) {
	for _, single := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			out := newDiary()
			out.single = single
			out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
				out.note(n, ctx, b)
				return sleep(ctx, 700*time.Millisecond)
			}
			cfg := one(counter{total: 9, every: 100 * time.Millisecond}, Route{Sink: out, Shaper: &script{limits: group}, MaxInFlight: 4})
			cfg.Sources["b"] = counter{stream: "other", total: 2, perBatch: 1, every: 150 * time.Millisecond}
			e := mustStart(t, cfg)
			time.Sleep(2 * time.Second)
			want := "2ms:2 702ms:8 1.402s:1" // of both streams
			if single {
				want = "2ms:1 2ms:1 702ms:1 702ms:7 1.402s:1"
			}
			if got := out.String(); got != want {
				t.Errorf("one stream in a batch: %v: Writes at %s, want %s", single, got, want)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if missing, twice, inOrder := out.check("numbers", 9); missing > 0 || twice > 0 || !inOrder {
				t.Errorf("%d missing, %d twice, in order: %v", missing, twice, inOrder)
			}
		})
	}
}

// A pause holds up every Write, whoever is in a hurry.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		until := time.Now().Add(4700 * time.Millisecond)
		pausing := &script{limits: func(st batch.State) batch.Limits {
			return batch.Limits{MaxWait: -1, Pause: max(0, until.Sub(st.Now))}
		}}
		e := mustStart(t, one(counter{total: 10, perBatch: 10, follow: true}, Route{Sink: out, Shaper: pausing}))
		time.Sleep(1300 * time.Millisecond)
		if l := e.Stats().Routes["route0"].Limits; l.Pause < 3*time.Second || l.InFlight != 32 || l.MaxBytes == 0 {
			t.Errorf("Stats tell of %+v", l)
		}
		if err := e.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if got := out.String(); got != "4.7s:10" {
			t.Errorf("Writes at %s, want one at 4.7s", got)
		}
		if n := pausing.asked(); n > 20 {
			t.Errorf("the shaper was asked %d times", n)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The dead letter is another sink: it is none of the shaper's business, neither
// at first nor when it is tried again.
func TestADeadLetterIsNotShaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letters := &collector{fail: func(n int, _ context.Context, _ *batch.Batch) error {
			if n == 1 {
				return errors.New("not there")
			}
			return nil
		}}
		out := &collector{fail: func(int, context.Context, *batch.Batch) error { return sink.Permanent(errors.New("never")) }}
		once := &script{limits: func(st batch.State) batch.Limits {
			l := batch.Limits{MaxWait: -1, InFlight: 1}
			if st.Begun > 0 {
				l.Pause, l.Timeout = time.Hour, time.Nanosecond
			}
			if st.InFlight > 1 {
				t.Errorf("asked about %+v", st)
			}
			return l
		}}
		e := mustStart(t, one(counter{total: 10, perBatch: 10, follow: true}, Route{Sink: out, DeadLetter: letters, Shaper: once, MaxInFlight: 1}))
		time.Sleep(time.Second)
		if err := e.Flush(within(t, time.Second)); err != nil {
			t.Errorf("Flush = %v", err)
		}
		if len(letters.got()) != 10 || len(once.outcomes()) != 1 {
			t.Errorf("%d letters, outcomes %+v", len(letters.got()), once.outcomes())
		}
		if err := e.Close(within(t, 4*time.Second)); err != nil {
			t.Error(err)
		}
	})
}

// A hard stop does not wait for the end of a pause, and what is left is given
// back.
func TestAHardStopEndsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		e := mustStart(t, one(counter{total: 10, perBatch: 10, follow: true}, Route{Sink: out, Shaper: &script{
			limits: func(batch.State) batch.Limits { return batch.Limits{Pause: time.Hour} },
		}}))
		time.Sleep(1300 * time.Millisecond)
		began := time.Now()
		err := e.Close(within(t, 4*time.Second))
		if took := time.Since(began); took != 3500*time.Millisecond {
			t.Errorf("Close took %v, want what its deadline leaves of Grace: 3.5s", took)
		}
		if left, ok := errors.AsType[*UndeliveredError](err); !ok || left.Sources["a"] != 10 {
			t.Errorf("Close = %v", err)
		}
		closes(t, e.Stats())
		if n := out.wrote(); n != 0 {
			t.Errorf("%d Writes in the pause", n)
		}
	})
}

// While a Write is stuck after the hard stop, the end of a pause wakes nobody. A
// route that looked again and again would keep the time of the bubble from going
// on.
func TestAStuckWriteInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		out := &collector{fail: func(int, context.Context, *batch.Batch) error { <-release; return nil }}
		pausing := &script{limits: func(st batch.State) batch.Limits {
			l := batch.Limits{MaxWait: -1}
			if st.InFlight > 0 {
				l.Pause = time.Second
			}
			return l
		}}
		e := mustStart(t, one(counter{total: 10, perBatch: 5, follow: true}, Route{Sink: out, Shaper: pausing, MaxInFlight: 2}))
		time.Sleep(1300 * time.Millisecond)
		err := e.Close(within(t, 4*time.Second))
		if _, ok := errors.AsType[*lifecycle.StuckError](err); !ok {
			t.Errorf("Close = %v", err)
		}
		close(release)
		e.Close(t.Context())
		closes(t, e.Stats())
	})
}

// A Write that takes longer than the shaper gives it fails, and is repeated.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			out.note(n, ctx, b)
			if n == 1 {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		}
		timing := &script{limits: func(batch.State) batch.Limits {
			return batch.Limits{MaxWait: -1, Timeout: 1700 * time.Millisecond}
		}}
		cfg := one(counter{total: 10, perBatch: 10}, Route{
			Sink: sink.Retry(out, sink.RetryConfig{Min: 300 * time.Millisecond, Jitter: -1}), Shaper: timing})
		e := mustNew(t, cfg)
		if err := e.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if got := out.String(); got != "0s:10 2s:10" {
			t.Errorf("Writes at %s, want 0s:10 2s:10", got)
		}
		seen := timing.outcomes()
		if len(seen) != 2 || seen[0].Took != 1700*time.Millisecond || !strings.Contains(fmt.Sprint(seen[0].Err), "no answer within 1.7s") {
			t.Errorf("outcomes %+v", seen)
		}
		if seen[1].Err != nil || seen[1].Now.Sub(out.began) != 2*time.Second {
			t.Errorf("outcomes %+v", seen)
		}
	})
}

// Before each Write the shaper is asked anew, and told of what has begun.
func TestLimitsAreAskedBeforeEachWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			out.note(n, ctx, b)
			return sleep(ctx, 500*time.Millisecond)
		}
		// The first three streams at once, then one entry every second.
		line := len("s0 0")
		pacing := &script{}
		pacing.limits = func(st batch.State) batch.Limits {
			l := batch.Limits{MaxEntries: 1, MaxWait: time.Hour}
			if st.Begun >= int64(3*line) {
				at := out.began.Add(time.Duration(st.Begun/int64(line)-2) * time.Second)
				l.Pause = max(0, at.Sub(st.Now))
			}
			return l
		}
		cfg := Config{Sources: streams(6, 1, 0), Routes: []Route{{Sink: out, Shaper: pacing, MaxInFlight: 10}}}
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := out.String(), "0s:1 0s:1 0s:1 1s:1 2s:1 3s:1"; got != want {
			t.Errorf("Writes at %s, want %s", got, want)
		}
	})
}

// Fewer in flight than there are: none begins until there are fewer still.
func TestInFlightShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		var running, most int
		began := time.Now()
		out.single = true
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			out.mu.Lock()
			running++
			if time.Since(began) > 5*time.Second {
				most = max(most, running)
			}
			out.mu.Unlock()
			err := sleep(ctx, 900*time.Millisecond)
			out.mu.Lock()
			running--
			out.mu.Unlock()
			return err
		}
		shrinking := &script{limits: func(st batch.State) batch.Limits {
			if st.Now.Sub(began) > 4*time.Second {
				return batch.Limits{MaxWait: -1, InFlight: 2}
			}
			return batch.Limits{MaxWait: -1, InFlight: 6}
		}}
		cfg := Config{Sources: streams(12, 130, 50*time.Millisecond), Routes: []Route{{Sink: out, Shaper: shrinking, MaxInFlight: 8}}}
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Error(err)
		}
		if most != 2 {
			t.Errorf("%d Writes at once, want 2", most)
		}
	})
}

// What lingers is judged by limits that have shrunk since.
func TestMaxBytesShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newDiary()
		out.single = true
		small := time.Now().Add(3 * time.Second)
		shrinking := &script{limits: func(st batch.State) batch.Limits {
			if st.Now.Before(small) {
				return batch.Limits{MaxBytes: 1 << 20, MaxWait: time.Hour}
			}
			return batch.Limits{MaxBytes: 2 * len("numbers 0"), MaxWait: time.Hour}
		}}
		cfg := one(counter{total: 10, perBatch: 5, follow: true}, Route{Sink: out, Shaper: shrinking})
		cfg.Sources["b"] = counter{stream: "x", total: 3, every: 2 * time.Second, follow: true}
		e := mustStart(t, cfg)
		time.Sleep(5 * time.Second)
		if missing, _, inOrder := out.check("numbers", 10); missing > 0 || !inOrder {
			t.Errorf("%d lines linger that are too many for one batch, Writes at %s", missing, out)
		}
		if missing, _, _ := out.check("x", 3); missing != 3 {
			t.Errorf("Writes at %s: x should linger", out)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A shaper that can tell that it is not made well is asked to.
func TestNewAsksTheShaper(t *testing.T) {
	_, err := New(Config{Routes: []Route{{Sink: &collector{}, Name: "loki", Shaper: picky{}}}})
	if err == nil || !strings.Contains(err.Error(), "Routes[0] (loki): Shaper: MinBytes: is more than MaxBytes") {
		t.Errorf("New = %v", err)
	}
}

type picky struct{ batch.Shaper }

func (picky) Validate() error { return errors.New("MinBytes: is more than MaxBytes") }
