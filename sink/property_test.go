package sink_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A model is what one Sink of any mood did with the entries of one batch of numbered.
type model struct {
	t       *testing.T
	seed    uint64
	rnd     *rand.Rand
	name    string
	fails   int  // how many Writes may go wrong
	patient bool // it may be offered again what it refused
	pieces  bool // it may find a request too large, and throttles
	cancel  func()
	taken   map[int]int  // how often it took an entry
	refused map[int]bool // it said never
	offered [][]int
	large   int // requests that were too large
}

func newModel(t *testing.T, seed uint64, name string, fails int) *model {
	return &model{
		t: t, seed: seed, name: name, fails: fails,
		rnd:   rand.New(rand.NewPCG(seed, uint64(len(name)))),
		taken: map[int]int{}, refused: map[int]bool{},
	}
}

func (m *model) Close(context.Context) error { return nil }

// Write does anything a Sink may do, and some things it must not.
func (m *model) Write(ctx context.Context, b *batch.Batch) error {
	idx := numbers(b)
	m.offered = append(m.offered, idx)
	if !slices.IsSorted(idx) || len(slices.Compact(slices.Clone(idx))) != len(idx) {
		m.t.Errorf("seed %d: %s: written out of order: %v", m.seed, m.name, idx)
	}
	for _, i := range idx {
		if m.taken[i] > 0 || m.refused[i] && !m.patient {
			m.t.Errorf("seed %d: %s: entry %d written again after its fate was known", m.seed, m.name, i)
		}
	}
	if m.cancel != nil && m.rnd.IntN(8) == 0 {
		m.cancel()
	}
	if m.fails--; m.fails < 0 {
		return m.take(idx)
	}
	if m.pieces && m.rnd.IntN(3) == 0 {
		return m.less(idx)
	}
	switch m.rnd.IntN(8) {
	case 0:
		return m.take(idx)
	case 1:
		return errDown
	case 2:
		return sink.RetryAfter(errDown, time.Duration(m.rnd.IntN(5000))*time.Millisecond)
	case 3:
		if m.rnd.IntN(3) > 0 {
			return errDown
		}
		return m.refuse(idx)
	case 4:
		return partial(sink.Permanent(errDown), 0, len(idx)) // a bug: nothing of it is true
	default:
		return m.some(idx)
	}
}

func (m *model) take(idx []int) error {
	for _, i := range idx {
		m.taken[i]++
	}
	return nil
}

func (m *model) refuse(idx []int) error {
	for _, i := range idx {
		m.refused[i] = true
	}
	return sink.Permanent(errDown)
}

// less takes nothing because it is too much.
func (m *model) less(idx []int) error {
	if m.rnd.IntN(3) == 0 {
		return sink.Throttled(errDown, time.Duration(m.rnd.IntN(5000))*time.Millisecond)
	}
	m.large++
	if len(idx) == 1 {
		m.refuse(idx)
	}
	return sink.TooLarge(errDown)
}

// some decides for each entry, and lists those that failed in any order, some of them twice.
func (m *model) some(idx []int) error {
	p := &sink.PartialError{}
	for at, i := range idx {
		f := sink.Failure{Index: at, Err: errDown}
		switch m.rnd.IntN(6) {
		case 0, 1:
			m.take([]int{i})
			continue
		case 2:
			f.Err = m.refuse([]int{i})
		case 3:
			f.Err = sink.RetryAfter(errDown, time.Duration(m.rnd.IntN(5000))*time.Millisecond)
		case 4:
			p.Failures = append(p.Failures, sink.Failure{Index: at, Err: sink.Permanent(errDown)}) // outvoted
		}
		p.Failures = append(p.Failures, f)
	}
	m.rnd.Shuffle(len(p.Failures), func(i, j int) { p.Failures[i], p.Failures[j] = p.Failures[j], p.Failures[i] })
	if m.rnd.IntN(2) == 0 {
		return fmt.Errorf("wrapped: %w", p)
	}
	return p
}

// listed returns what err says of a batch of n: which failed for good, and which failed.
func listed(t *testing.T, seed uint64, err error, n int) (permanent, pending []int) {
	t.Helper()
	if err == nil {
		return nil, nil
	}
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok {
		for i := range n {
			if sink.IsPermanent(err) {
				permanent = append(permanent, i)
			} else {
				pending = append(pending, i)
			}
		}
		return permanent, pending
	}
	last := -1
	for _, f := range p.Failures {
		if f.Index <= last || f.Index >= n || f.Err == nil {
			t.Fatalf("seed %d: not in order, or not there: %v", seed, p)
		}
		last = f.Index
		if sink.IsPermanent(f.Err) {
			permanent = append(permanent, f.Index)
		} else {
			pending = append(pending, f.Index)
		}
	}
	return permanent, pending
}

// Every entry is taken once or refused, and Retry says which; after an end of ctx it knows what it does not know.
func TestRetryProperty(t *testing.T) {
	for seed := range uint64(2000) {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, seed, "sink", int(seed%12))
			m.pieces = seed%2 == 0
			n := 1 + m.rnd.IntN(12)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if seed%3 == 0 {
				m.cancel = cancel
			}
			cfg := sink.RetryConfig{}
			if seed%5 == 0 {
				cfg.Tries = 1 + m.rnd.IntN(4)
			}
			err := sink.Retry(m, cfg).Write(ctx, numbered(n))
			permanent, pending := listed(t, seed, err, n)
			for i := range n {
				said := "delivered"
				switch {
				case slices.Contains(permanent, i):
					said = "refused"
				case slices.Contains(pending, i):
					said = "open"
				}
				is := "open"
				switch {
				case m.taken[i] == 1:
					is = "delivered"
				case m.refused[i]:
					is = "refused"
				case cfg.Tries > 0 && (ctx.Err() == nil || m.large > 0 && said == "refused"):
					is = "refused" // given up, of a batch in pieces perhaps before ctx ended
				}
				if said != is {
					t.Errorf("seed %d: entry %d is %s, and Retry says %s: %v", seed, i, is, said, err)
				}
			}
			if len(pending) > 0 && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
				t.Errorf("seed %d: left %v: %v", seed, pending, err)
			}
			if cfg.Tries > 0 && m.large == 0 && len(m.offered) > cfg.Tries {
				t.Errorf("seed %d: %d tries, want at most %d", seed, len(m.offered), cfg.Tries)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// second is offered exactly what first failed to take and did not refuse, and the result says of each entry what
// became of it.
func TestFailoverProperty(t *testing.T) {
	for seed := range uint64(2000) {
		first, second := newModel(t, seed, "first", 1), newModel(t, seed, "second", int(seed%2))
		n := 1 + first.rnd.IntN(12)
		err := sink.Failover(first, second).Write(t.Context(), numbered(n))
		permanent, pending := listed(t, seed, err, n)
		var offer, refused, open []int
		for i := range n {
			switch {
			case first.taken[i] > 0:
			case first.refused[i]:
				refused = append(refused, i)
			default:
				offer = append(offer, i)
				if second.taken[i] == 0 {
					open = append(open, i) // also if second refuses: first may take it yet
				}
			}
		}
		var offered []int
		if len(second.offered) > 0 {
			offered = second.offered[0]
		}
		if !slices.Equal(offered, offer) || len(second.offered) > 1 {
			t.Errorf("seed %d: offered %v, want %v", seed, second.offered, offer)
		}
		if !slices.Equal(permanent, refused) || !slices.Equal(pending, open) {
			t.Errorf("seed %d: says permanent %v, pending %v; want %v, %v", seed, permanent, pending, refused, open)
		}
		if t.Failed() {
			return
		}
	}
}

// The recommended stack: no entry is lost, none is taken by both, none is written again once its fate is known.
func TestStackProperty(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			first, second := newModel(t, seed, "first", 30), newModel(t, seed, "second", 20)
			second.patient = true // while first may take it yet
			first.pieces, second.pieces = seed%2 == 0, seed%3 == 0
			n := 1 + first.rnd.IntN(12)
			cfg := sink.BreakerConfig{Failures: 1 + int(seed%3)}
			s := sink.Retry(sink.Failover(sink.Breaker(sink.Timeout(first, time.Second), cfg), second), sink.RetryConfig{})
			b := numbered(n)
			if seed%4 < 2 {
				b = thick(n, 24<<10) // two are a probe of the breaker's
			}
			err := s.Write(t.Context(), b)
			permanent, pending := listed(t, seed, err, n)
			if len(pending) > 0 {
				t.Errorf("seed %d: left %v: %v", seed, pending, err)
			}
			for i := range n {
				taken := first.taken[i] + second.taken[i]
				lost := slices.Contains(permanent, i)
				if taken > 1 || taken == 1 == lost || lost && !first.refused[i] {
					t.Errorf("seed %d: entry %d: taken %d times, lost: %v, refused: %v", seed, i, taken, lost, first.refused[i])
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}
