package batch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A forest is source batches merged into route batches, and some of those into
// dead letters, beside a model of it. In the model a batch is a number of votes
// of its own and the batches it was merged into; it ends when all of these have.
type forest struct {
	t     *testing.T
	seed  uint64
	r     *rand.Rand
	pool  *Pool
	nodes []*node
	votes []*vote
}

// A node is one batch and what the model says of it.
type node struct {
	b     *Batch
	name  string
	own   []*vote // by holders of references
	into  []*node // batches that hold a reference by a merge
	lines []held  // all it can see
	calls atomic.Int32
	got   error
}

type held struct {
	line []byte
	want string
	from *node // whose memory it is
}

// A vote is one call of Settle by a holder.
type vote struct {
	on   *node
	err  error
	cast atomic.Bool // set just before the call
}

func newForest(t *testing.T, seed uint64) *forest {
	f := &forest{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 7)), pool: &Pool{Poison: true}}
	var sources, routes []*node
	for i := range 1 + f.r.IntN(6) {
		sources = append(sources, f.source(fmt.Sprintf("s%d", i)))
	}
	// Every reference is taken before the first is handed on.
	refs := make([]int, len(sources))
	for i := range sources {
		refs[i] = f.r.IntN(4)
		sources[i].b.Retain(refs[i])
	}
	for i := range 1 + f.r.IntN(4) {
		routes = append(routes, f.node(fmt.Sprintf("r%d", i)))
	}
	for i, s := range sources {
		for range refs[i] {
			if f.r.IntN(5) == 0 {
				f.vote(s) // a route that has it without merging
				continue
			}
			f.merge(routes[f.r.IntN(len(routes))], s)
		}
		f.vote(s) // the intake's own
	}
	for i, r := range routes {
		if len(r.b.Entries) > 0 && f.r.IntN(3) == 0 {
			letter := f.node(fmt.Sprintf("d%d", i))
			r.b.Retain(1)
			f.merge(letter, r)
			f.vote(letter)
		}
		f.vote(r)
	}
	return f
}

func (f *forest) node(name string) *node {
	n := &node{b: New(f.pool, Labels{}), name: name}
	n.b.OnSettled(func(err error) { f.settled(n, err) })
	f.nodes = append(f.nodes, n)
	return n
}

func (f *forest) source(name string) *node {
	n := f.node(name)
	for k := range f.r.IntN(30) {
		want := fmt.Sprintf("%s line %d", name, k)
		if f.r.IntN(2) == 0 {
			n.b.Append(time.Time{}, []byte(want))
		} else {
			buf := n.b.Buffer(len(want))
			copy(buf, want)
			n.b.AppendShared(time.Time{}, buf)
		}
		n.lines = append(n.lines, held{n.b.Entries[k].Line, want, n})
	}
	return n
}

func (f *forest) vote(n *node) {
	v := &vote{on: n}
	if f.r.IntN(5) == 0 {
		v.err = fmt.Errorf("vote %d on %s", len(f.votes), n.name)
	}
	n.own = append(n.own, v)
	f.votes = append(f.votes, v)
}

func (f *forest) merge(m, p *node) {
	size := len(p.lines)
	switch f.r.IntN(3) {
	case 0:
		m.b.Merge(p.b, nil)
		m.lines = append(m.lines, p.lines...)
	case 1:
		idx := []int32{}
		for i := range size {
			if f.r.IntN(2) == 0 {
				idx = append(idx, int32(i))
				m.lines = append(m.lines, p.lines[i])
			}
		}
		m.b.Merge(p.b, idx)
	case 2:
		lo := f.r.IntN(size + 1)
		hi := lo + f.r.IntN(size-lo+1)
		m.b.MergeRange(p.b, lo, hi)
		m.lines = append(m.lines, p.lines[lo:hi]...)
	}
	p.into = append(p.into, m)
}

// over says whether everything n waits for has voted, by the model.
func (n *node) over() bool {
	for _, v := range n.own {
		if !v.cast.Load() {
			return false
		}
	}
	for _, m := range n.into {
		if !m.over() {
			return false
		}
	}
	return true
}

// errors are the votes that make n a failure, by the model.
func (n *node) errors() (all []error) {
	for _, v := range n.own {
		if v.err != nil {
			all = append(all, v.err)
		}
	}
	for _, m := range n.into {
		all = append(all, m.errors()...)
	}
	return all
}

// settled is what every batch calls.
func (f *forest) settled(n *node, err error) {
	n.got = err
	if n.calls.Add(1) != 1 {
		f.t.Errorf("seed %d: %s settled twice", f.seed, n.name)
	}
	if !n.over() {
		f.t.Errorf("seed %d: %s settled too early", f.seed, n.name)
	}
	want := n.errors()
	found := len(want) == 0 && err == nil
	for _, w := range want {
		found = found || errors.Is(err, w)
	}
	if !found {
		f.t.Errorf("seed %d: %s settled with %v, want one of %v", f.seed, n.name, err, want)
	}
	for _, h := range n.lines {
		if h.from == n && !poisoned(h.line) {
			f.t.Errorf("seed %d: %s settled, its memory was not released: %q", f.seed, n.name, h.line)
		}
	}
}

func poisoned(line []byte) bool {
	for _, c := range line {
		if c != PoisonByte {
			return false
		}
	}
	return true
}

// cast checks what a holder of a reference is promised, and votes.
func (f *forest) cast(v *vote) {
	for _, h := range v.on.lines {
		if string(h.line) != h.want {
			f.t.Errorf("seed %d: %s: a reference is held, but %q reads %q", f.seed, v.on.name, h.want, h.line)
		}
	}
	if got := len(v.on.b.Entries); got != len(v.on.lines) {
		f.t.Errorf("seed %d: %s: a reference is held, but %d of %d entries are there", f.seed, v.on.name, got, len(v.on.lines))
	}
	v.cast.Store(true)
	v.on.b.Settle(v.err)
}

// end checks what must hold when all have voted.
func (f *forest) end() {
	for _, n := range f.nodes {
		if n.calls.Load() != 1 {
			f.t.Errorf("seed %d: %s settled %d times", f.seed, n.name, n.calls.Load())
		}
		mustPanic(f.t, "one Settle too many", func() { n.b.Settle(nil) })
		if n.calls.Load() != 1 {
			f.t.Errorf("seed %d: %s: one Settle too many was announced", f.seed, n.name)
		}
	}
}

// One goroutine, so that the moment can be told exactly: after each vote, the
// batches that have settled are those the model says.
func TestForest(t *testing.T) {
	start := rand.Uint64()
	for i := range uint64(1000) {
		f := newForest(t, start+i)
		f.r.Shuffle(len(f.votes), func(i, j int) { f.votes[i], f.votes[j] = f.votes[j], f.votes[i] })
		for _, v := range f.votes {
			f.cast(v)
			for _, n := range f.nodes {
				if settled := n.calls.Load() > 0; settled != n.over() {
					t.Errorf("seed %d: %s settled: %v, want %v", f.seed, n.name, settled, n.over())
				}
			}
		}
		f.end()
		for _, n := range f.nodes {
			if v := firstError(f.votes, n); v != nil && len(n.into) == 0 && n.got != v.err {
				t.Errorf("seed %d: %s settled with %v, want the first error, %v", f.seed, n.name, n.got, v.err)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// firstError is the first of votes, in this order, that makes n a failure.
func firstError(votes []*vote, n *node) *vote {
	for _, v := range votes {
		if v.on == n && v.err != nil {
			return v
		}
	}
	return nil
}

func TestForestConcurrently(t *testing.T) {
	start := rand.Uint64()
	for i := range uint64(300) {
		f := newForest(t, start+i)
		f.r.Shuffle(len(f.votes), func(i, j int) { f.votes[i], f.votes[j] = f.votes[j], f.votes[i] })
		const hands = 4
		var wg sync.WaitGroup
		for h := range hands {
			wg.Go(func() {
				for k := h; k < len(f.votes); k += hands {
					f.cast(f.votes[k])
				}
			})
		}
		wg.Wait()
		f.end()
		if t.Failed() {
			return
		}
	}
}
