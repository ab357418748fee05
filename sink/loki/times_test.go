package loki

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A trial is a stream that goes to a keeper, with accidents, as a pipeline would send it.
type trial struct {
	*keeper
	rnd   *rand.Rand
	times Times
	sink  *Sink

	own  map[string]time.Time // by line
	many map[string]int       // how many entries have the line
	came map[string]bool      // lines that reached the keeper
}

func newTrial(t *testing.T, rnd *rand.Rand, times Times, change ...func(*Config)) *trial {
	tr := &trial{
		keeper: newKeeper(t), rnd: rnd, times: times,
		own: map[string]time.Time{}, many: map[string]int{}, came: map[string]bool{},
	}
	tr.accident = tr.bad
	tr.pushed = tr.check
	change = append(change, func(c *Config) {
		c.Times = times
		c.MaxRequest = []int{200, 2000, 1 << 20}[rnd.IntN(3)]
		c.EncodeJSON = rnd.IntN(3) == 0
		c.Packed = rnd.IntN(3) == 0
	})
	tr.sink = bubbleSink(t, tr.ServeHTTP, change...)
	return tr
}

func (tr *trial) bad() accident {
	if tr.rnd.IntN(2) == 0 {
		return none
	}
	return accident(tr.rnd.IntN(int(tenantLimit) + 1))
}

// check is told of every entry that is pushed.
func (tr *trial) check(e pushedEntry) {
	tr.came[e.line] = true
	own, clamped := originalOf(tr.t, e)
	want := tr.own[e.line]
	switch {
	case tr.times.Distinct && !clamped:
		if moved := e.time.Sub(want); moved < 0 || moved > time.Millisecond {
			tr.t.Errorf("%s: sent with %v, its own time is %v", e.line, e.time, want)
		}
	case !own.Equal(want):
		tr.t.Errorf("%s: sent with %v, its own time is %v", e.line, own, want)
	}
}

// write delivers a batch as sink.Retry does and returns what became of its entries.
func (tr *trial) write(b *batch.Batch) []error {
	for i := range b.Entries {
		e := &b.Entries[i]
		tr.own[string(e.Line)] = e.Time
		tr.many[string(e.Line)]++
	}
	errs := make([]error, len(b.Entries))
	err := sink.Retry(tr.sink, sink.RetryConfig{Max: 2 * time.Second}).Write(tr.t.Context(), b)
	p, ok := errors.AsType[*sink.PartialError](err)
	if err != nil && !ok {
		tr.t.Fatal(err)
	}
	if ok {
		for _, f := range p.Failures {
			errs[f.Index] = f.Err
		}
	}
	return errs
}

// randomTimes makes a batch of entries in and out of what Loki accepts, some of them poisonous. No two lines are equal.
func (tr *trial) randomTimes(round int) *batch.Batch {
	b := batch.New(nil, shop)
	now := time.Now()
	shift := []time.Duration{0, -10 * time.Minute, -50 * time.Minute, -3 * time.Hour, -8 * 24 * time.Hour, 9 * time.Minute, 25 * time.Minute}
	shift = shift[:1+tr.rnd.IntN(len(shift))]
	poisonous := tr.rnd.IntN(3) == 0
	for i := range 1 + tr.rnd.IntN(60) {
		at := now.Add(shift[tr.rnd.IntN(len(shift))] + time.Duration(tr.rnd.Int64N(int64(time.Minute))))
		line := fmt.Sprintf("line %d of batch %d", i, round)
		if poisonous && tr.rnd.IntN(20) == 0 {
			line = poison + line
		}
		b.Append(at, []byte(line), []batch.Attr{{Key: "user", Value: "42"}}[:tr.rnd.IntN(2)]...)
	}
	if tr.rnd.IntN(2) == 0 {
		slices.SortStableFunc(b.Entries, func(a, b batch.Entry) int { return a.Time.Compare(b.Time) })
	}
	return b
}

// trials runs f with many seeds, in a bubble each.
func trials(t *testing.T, n int, f func(t *testing.T, rnd *rand.Rand)) {
	t.Helper()
	seed := rand.Uint64()
	for i := range uint64(n) {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d, %d", seed, i) // shown if it fails
			f(t, rand.New(rand.NewPCG(seed, i)))
		})
	}
}

// With Clamp nothing is refused for its time, whatever Loki knew of the stream before, and every entry is stored once,
// with its own time to be read from it and in order with what shares its fate, however many answers are lost.
func TestClampedOnce(t *testing.T) {
	trials(t, 40, func(t *testing.T, rnd *rand.Rand) {
		tr := newTrial(t, rnd, Times{TooOld: Clamp, TooNew: Clamp})
		told := rnd.IntN(2) == 0 // only Loki knows what is too old or too new
		if told && rnd.IntN(2) == 0 {
			tr.highest = time.Now().Add(-time.Duration(rnd.Int64N(int64(2 * time.Hour)))) // somebody else's
		}
		if told && rnd.IntN(2) == 0 {
			tr.ahead, tr.age = 5*time.Minute, 2*24*time.Hour // not what Times says
		}
		for round := range 4 {
			b := tr.randomTimes(round)
			for i, err := range tr.write(b) {
				tr.once(&b.Entries[i], err)
			}
			if !told {
				tr.inOrder(b)
			}
			time.Sleep(time.Duration(rnd.Int64N(int64(time.Hour))))
		}
	})
}

// once checks that an entry is stored once if it is not poisonous.
func (tr *trial) once(e *batch.Entry, err error) {
	line := string(e.Line)
	if strings.HasPrefix(line, poison) {
		if !sink.IsPermanent(err) || len(tr.of(line)) > 0 {
			tr.t.Errorf("%s: %v", line, err)
		}
		return
	}
	if got := tr.of(line); err != nil || len(got) != 1 {
		tr.t.Errorf("%s, %v: stored %v: %v", line, e.Time, got, err)
	}
}

// inOrder checks that what was clamped for the same reason has kept its order.
func (tr *trial) inOrder(b *batch.Batch) {
	now := time.Now()
	sorted := slices.SortedStableFunc(slices.Values(b.Entries), func(a, b batch.Entry) int { return a.Time.Compare(b.Time) })
	last := map[bool]time.Time{}
	for i := range sorted {
		for _, got := range tr.of(string(sorted[i].Line)) {
			own, clamped := originalOf(tr.t, got)
			if !clamped {
				continue
			}
			ahead := own.After(now)
			if !got.time.After(last[ahead]) {
				tr.t.Errorf("%s is stored at %v, the one before it at %v", got.line, got.time, last[ahead])
			}
			last[ahead] = got.time
		}
	}
}

// With Keep, every entry goes out with the time it has and nothing else; what is not stored is refused, what is refused
// is not stored.
func TestKeptAsTheyAre(t *testing.T) {
	trials(t, 25, func(t *testing.T, rnd *rand.Rand) {
		tr := newTrial(t, rnd, Times{})
		tr.pushed = func(e pushedEntry) {
			if e.time != tr.own[e.line].UTC() || slices.ContainsFunc(e.metadata, func(a batch.Attr) bool { return a.Key != "user" }) {
				t.Errorf("%v, its own time is %v", e, tr.own[e.line])
			}
		}
		for round := range 4 {
			b := tr.randomTimes(round)
			for i, err := range tr.write(b) {
				got := tr.of(string(b.Entries[i].Line))
				if (err == nil) != (len(got) == 1) || len(got) > 1 || err != nil && !sink.IsPermanent(err) {
					t.Errorf("%s, %v: stored %v: %v", b.Entries[i].Line, b.Entries[i].Time, got, err)
				}
			}
			time.Sleep(time.Duration(rnd.Int64N(int64(time.Hour))))
		}
	})
}

// With Refuse, what is too old or too new is not sent, and its error says why. The rest is stored once.
func TestRefusedUnsent(t *testing.T) {
	trials(t, 25, func(t *testing.T, rnd *rand.Rand) {
		tr := newTrial(t, rnd, Times{TooOld: Refuse, TooNew: Refuse})
		refused := 0
		for round := range 4 {
			b := tr.randomTimes(round)
			for i, err := range tr.write(b) {
				e := &b.Entries[i]
				if err == nil || strings.HasPrefix(string(e.Line), poison) {
					continue
				}
				refused++
				if s := err.Error(); !sink.IsPermanent(err) || !strings.Contains(s, "loki: time "+e.Time.String()+": too ") {
					t.Errorf("%s: %v", e.Line, err)
				}
				if len(tr.of(string(e.Line))) > 0 {
					t.Errorf("%s is stored", e.Line)
				}
			}
			time.Sleep(time.Duration(rnd.Int64N(int64(time.Hour))))
		}
	})
}

// With Distinct, equal lines of the same time are all stored, and none of them twice.
func TestDistinctOnce(t *testing.T) {
	trials(t, 15, func(t *testing.T, rnd *rand.Rand) {
		policy := []TimePolicy{Keep, Clamp}[rnd.IntN(2)]
		tr := newTrial(t, rnd, Times{Distinct: true, TooOld: policy, TooNew: policy})
		at := time.Now().Truncate(time.Second)
		for range 4 {
			b := batch.New(nil, shop)
			for range 1 + rnd.IntN(60) {
				at = at.Add(time.Duration(rnd.IntN(4)/3) * time.Second)
				line := fmt.Sprintf("line of %v", at)
				if rnd.IntN(30) == 0 {
					line = poison + line
				}
				b.Append(at, []byte(line))
			}
			for i, err := range tr.write(b) {
				if e := &b.Entries[i]; (err != nil) != strings.HasPrefix(string(e.Line), poison) {
					t.Errorf("%s: %v", e.Line, err)
				}
			}
			time.Sleep(time.Duration(rnd.Int64N(int64(time.Minute))))
		}
		for line, n := range tr.many {
			if got := tr.of(line); len(got) != n && !strings.HasPrefix(line, poison) {
				t.Errorf("%s: %d entries, %d are stored", line, n, len(got))
			}
		}
	})
}
