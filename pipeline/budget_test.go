package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// naive is a budget that adds everything up anew at each question, and grants
// in the order it was asked.
type naive struct {
	max    int
	shares []*naiveShare
	queue  []*naiveWaiter
}

type naiveShare struct {
	joined, lifted bool
	extra          int
	batches        []int
}

type naiveWaiter struct {
	s  *naiveShare
	n  int
	ok bool
}

func total(n []int) (sum int) {
	for _, x := range n {
		sum += x
	}
	return sum
}

func (m *naive) fits(s *naiveShare, n int) bool {
	if len(s.batches) == 0 || s.lifted && s.extra < m.max {
		return true
	}
	joined := 0
	for _, o := range m.shares {
		if o.joined {
			joined++
		}
	}
	used, reserved := 0, 0
	for _, o := range m.shares {
		used += total(o.batches)
		if o.joined && o != s {
			reserved += max(0, m.max/2/joined-total(o.batches))
		}
	}
	if s.joined && total(s.batches)+n <= m.max/2/joined {
		return true
	}
	return used+n+reserved <= m.max
}

func (m *naive) settle() {
	var passed []*naiveShare
	m.queue = slices.DeleteFunc(m.queue, func(w *naiveWaiter) bool {
		if slices.Contains(passed, w.s) || !m.fits(w.s, w.n) {
			passed = append(passed, w.s)
			return false
		}
		w.ok = true
		m.take(w.s, w.n)
		return true
	})
}

func (m *naive) take(s *naiveShare, n int) {
	s.batches = append(s.batches, n)
	if s.lifted {
		s.extra += n
	}
}

// TestBudgetAgainstAModel compares the budget with a naive one, over random
// sequences of what can happen to it.
func TestBudgetAgainstAModel(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 2))
		b, m := newBudget(1+r.IntN(200)), &naive{}
		m.max = b.max
		var shares []*share
		for range 1 + r.IntN(5) {
			s := new(share)
			b.join(s)
			shares = append(shares, s)
			m.shares = append(m.shares, &naiveShare{joined: true})
		}
		type pair struct {
			w *waiter
			n *naiveWaiter
		}
		var waits []pair
		for step := range 200 {
			i := r.IntN(len(shares))
			s, ms := shares[i], m.shares[i]
			switch r.IntN(9) {
			case 0, 1, 2: // take
				n := 1 + r.IntN(80)
				w := &naiveWaiter{s: ms, n: n}
				m.queue = append(m.queue, w)
				waits = append(waits, pair{b.enqueue(s, n), w})
			case 3: // tryTake
				n := 1 + r.IntN(80)
				waiting := slices.ContainsFunc(m.queue, func(w *naiveWaiter) bool { return w.s == ms })
				want := !waiting && m.fits(ms, n)
				if got := b.tryTake(s, n); got != want {
					t.Fatalf("seed %d, step %d: tryTake(%d) = %v, want %v", seed, step, n, got, want)
				}
				if want {
					m.take(ms, n)
				}
			case 4, 5: // give
				if k := len(ms.batches); k > 0 {
					j := r.IntN(k)
					b.give(s, ms.batches[j])
					ms.batches = slices.Delete(ms.batches, j, j+1)
				}
			case 6: // grow
				if len(ms.batches) > 0 {
					n := r.IntN(50)
					b.grow(s, n)
					ms.batches[0] += n
				}
			case 7: // give up waiting
				if len(waits) > 0 {
					p := waits[r.IntN(len(waits))]
					if p.w.place != nil {
						b.mu.Lock()
						b.dequeue(p.w)
						b.wake()
						b.mu.Unlock()
						m.queue = slices.DeleteFunc(m.queue, func(w *naiveWaiter) bool { return w == p.n })
					}
				}
			case 8:
				switch r.IntN(3) {
				case 0:
					b.lift(s)
					ms.lifted = true
				case 1:
					b.leave(s)
					ms.joined = false
				default:
					b.join(s)
					ms.joined, ms.lifted, ms.extra = true, false, 0
					b.mu.Lock()
					b.wake()
					b.mu.Unlock()
				}
			}
			m.settle()
			used := 0
			for k, x := range m.shares {
				used += total(x.batches)
				if shares[k].used != total(x.batches) || shares[k].batches != len(x.batches) {
					t.Fatalf("seed %d, step %d: share %d has %d bytes in %d batches, want %v", seed, step, k, shares[k].used, shares[k].batches, x.batches)
				}
			}
			if b.inUse() != used || b.waiters.Len() != len(m.queue) {
				t.Fatalf("seed %d, step %d: %d in use, %d waiting, want %d and %d", seed, step, b.inUse(), b.waiters.Len(), used, len(m.queue))
			}
			for _, p := range waits {
				select {
				case <-p.w.granted:
					if !p.n.ok {
						t.Fatalf("seed %d, step %d: granted too early", seed, step)
					}
				default:
					if p.n.ok {
						t.Fatalf("seed %d, step %d: not granted", seed, step)
					}
				}
			}
		}
		for i, s := range shares {
			for _, n := range m.shares[i].batches {
				b.give(s, n)
			}
		}
		b.close()
		for _, p := range waits {
			if p.w.place != nil {
				t.Fatalf("seed %d: somebody waits for a budget that is closed", seed)
			}
		}
	}
}

// A source whose route is dead takes no more than half of the budget and its
// own share of the other half.
func TestADeadRouteStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 256 << 10
		out := &collector{}
		e := mustStart(t, Config{
			MaxInFlightBytes: budget,
			Sources: map[string]source.Source{
				"dead":  counter{stream: "dead", total: 1 << 40, perBatch: 5},
				"alive": counter{stream: "alive", total: 20_000, perBatch: 5},
			},
			Routes: []Route{
				{Sink: &collector{fail: refuse}, Match: streamIs("dead")},
				{Sink: out, Match: streamIs("alive"), Shaper: batch.Fixed(batch.Limits{MaxWait: -1})},
			},
		})
		time.Sleep(4700 * time.Millisecond)
		if missing, _, _ := out.check("alive", 20_000); missing > 0 {
			t.Errorf("%d are missing of the source whose route is alive", missing)
		}
		if got := e.Stats().InFlightBytes; got < budget/2 || got > budget*3/4+4096 {
			t.Errorf("%d bytes in flight, want between a half and three quarters of %d", got, budget)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.Close(ctx)
		if got := e.Stats().InFlightBytes; got != 0 {
			t.Errorf("%d bytes in flight after Close", got)
		}
	})
}

// A batch larger than the budget is admitted, alone.
func TestAGiantIsAdmittedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		most := 0
		cfg := one(counter{}, Route{Sink: out})
		var e *Engine
		out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
			most = max(most, e.Stats().InFlightBytes)
			return sleep(context.Background(), 30*time.Millisecond)
		}
		cfg.MaxInFlightBytes = 1000
		cfg.Sources["a"] = source.Func(func(ctx context.Context, o *source.Outlet) error {
			s, err := o.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			for i := range 5 {
				b := s.NewBatch()
				b.Append(time.Time{}, make([]byte, 100_000))
				if err := s.Send(ctx, b, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		})
		e = mustNew(t, cfg)
		if err := e.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(out.got()); n != 5 {
			t.Errorf("%d lines", n)
		}
		if most < 100_000 || most > 180_000 {
			t.Errorf("%d bytes at most in flight, want one giant's", most)
		}
	})
}
