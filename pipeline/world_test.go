package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// A world is what stays from one life of a pipeline to the next: the streams,
// the checkpoints, and what has been delivered.
type world struct {
	t    *testing.T
	seed uint64
	rng  *rnd
	life int
	calm atomic.Bool // the last life: nothing fails any more

	sources map[string]*wildSource
	rigs    []rig
	sinks   []*wildSink
	cursors *source.MemoryCheckpoints

	mu       sync.Mutex
	told     map[string]int64 // by hooks
	failed   map[line]bool    // in processing
	asRead   map[*batch.Batch][]line
	release  chan struct{} // closed: nothing is stuck
	released bool

	repeated map[string]bool // sources that had entries given back
	filters  bool
	adds     bool
	fails    int // how a processor fails; 0: not
}

// A rig is a route of all lives.
type rig struct {
	Route
	sink    int
	letters int // -1: none
	tries   int
	third   int // it takes only lines with that; -1: all
	lossy   bool
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, seed: seed, rng: newRnd(seed), cursors: source.MemCheckpoints(),
		sources: map[string]*wildSource{}, failed: map[line]bool{}, repeated: map[string]bool{},
	}
}

// arrange draws the lots.
func (w *world) arrange() {
	r := w.rng
	for i := range r.in(1, 4) {
		name := fmt.Sprintf("s%d", i)
		s := &wildSource{w: w, name: name, rng: newRnd(w.seed*31 + uint64(i)), helpers: r.one(2), wild: r.IntN(3)}
		for j := range r.in(1, 5) {
			s.streams = append(s.streams, fmt.Sprintf("t%d", j))
			s.total = r.in(1, 250)
		}
		w.sources[name] = s
	}
	w.filters, w.adds = r.one(3), r.one(3)
	if r.one(3) {
		w.fails = r.in(1, 4)
	}
	shared := r.one(4)
	for i := range r.in(1, 4) {
		g := rig{Route: Route{Name: fmt.Sprintf("r%d", i), MaxInFlight: r.in(1, 9)}, sink: len(w.sinks), letters: -1, third: -1}
		if shared && i > 0 {
			g.sink = 0
		} else {
			w.sinks = append(w.sinks, &wildSink{w: w, rng: newRnd(w.seed*17 + uint64(i)), perStream: r.one(2), wild: r.IntN(4), sharers: 0})
		}
		w.sinks[g.sink].sharers++
		if r.one(3) {
			g.third = r.IntN(3)
			g.Match = func(e *batch.Entry) bool { return e.Labels.Get("third") == strconv.Itoa(g.third) }
		}
		if r.one(4) {
			g.Overflow = Overflow(r.IntN(4))
			g.BufferBytes = r.in(1, 40) << 8
			g.lossy = g.Overflow != Block
		}
		if r.one(5) {
			g.BestEffort, g.lossy = true, true
		}
		if r.one(6) {
			g.tries, g.lossy = r.in(1, 4), true
		}
		w.rigs = append(w.rigs, g)
	}
	for i := range w.rigs {
		if !r.one(3) {
			continue
		}
		w.rigs[i].letters = len(w.sinks)
		if r.one(4) {
			w.rigs[i].letters = w.rigs[i].sink // its own sink
			w.sinks[w.rigs[i].sink].sharers++
			continue
		}
		w.sinks = append(w.sinks, &wildSink{w: w, rng: newRnd(w.seed*13 + uint64(i)), wild: r.IntN(3), sharers: 2})
	}
	for i, s := range w.sinks {
		s.name = fmt.Sprintf("sink%d", i)
		if r.one(3) {
			s.most = r.in(1, 20)
		}
	}
}

// shaper is one that always answers the same, one that learns, or one that has
// no idea.
func (w *world) shaper() batch.Shaper {
	l := batch.Limits{MaxBytes: w.rng.in(1, 2000), MaxEntries: w.rng.in(1, 60), MaxWait: w.rng.upTo(2*time.Second) - 100*time.Millisecond}
	switch w.rng.IntN(4) {
	case 0, 1:
		return batch.Fixed(l)
	case 2:
		return batch.NewAdaptive(batch.AdaptiveConfig{MaxBytes: l.MaxBytes, MaxEntries: l.MaxEntries})
	}
	return &wildShaper{w: w, rng: newRnd(w.seed*7 + uint64(w.life))}
}

// A wildShaper changes its mind with every question.
type wildShaper struct {
	w   *world
	rng *rnd
}

func (s *wildShaper) Limits(st batch.State) batch.Limits {
	r := s.rng
	if st.InFlight < 0 || st.Backlog < 0 || st.Oldest < 0 || st.Begun < 0 {
		s.w.t.Errorf("asked about %+v", st)
	}
	l := batch.Limits{
		MaxBytes: r.IntN(3) * r.in(1, 700), MaxEntries: r.IntN(60), InFlight: r.IntN(9),
		MaxWait: r.upTo(2*time.Second) - 100*time.Millisecond,
	}
	if r.one(6) {
		l.Pause = r.upTo(300 * time.Millisecond)
	}
	if r.one(3) {
		l.Timeout = r.upTo(time.Second)
		if s.w.calm.Load() {
			l.Timeout += 300 * time.Millisecond // what a Write takes then
		}
	}
	return l
}

func (s *wildShaper) Observe(o batch.Outcome) {
	if o.Entries < 1 || o.Bytes < 1 || o.InFlight < 1 || o.Took < 0 || o.Now.After(time.Now()) {
		s.w.t.Errorf("told of %+v", o)
	}
	if o.Err == nil && (o.Class != batch.Delivered || o.RetryAfter != 0) {
		s.w.t.Errorf("told of %+v", o)
	}
}

// renew prepares for the next life.
func (w *world) renew() {
	w.told, w.asRead = map[string]int64{}, map[*batch.Batch][]line{}
	w.release, w.released = make(chan struct{}), false
	for _, s := range w.sinks {
		s.renew()
	}
}

func (w *world) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.released {
		w.released = true
		close(w.release)
	}
}

// Reasons of processors and sources.
const (
	reasonOdd  = "odd"
	reasonJunk = "junk"
)

func (w *world) filtered(l line) bool { return w.filters && l.luck("filter", 7) == 0 }

func (w *world) processors() []Processor {
	read := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		lines := make([]line, len(b.Entries))
		for i := range b.Entries {
			lines[i], _ = parse(b.Entries[i].Line)
		}
		w.asRead[b] = lines
		return nil
	})
	filter := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		b.Drop(reasonOdd, func(e *batch.Entry) bool { l, _ := parse(e.Line); return w.filtered(l) && l.n%2 == 1 })
		b.Filter(func(e *batch.Entry) bool { l, _ := parse(e.Line); return !w.filtered(l) })
		return nil
	})
	add := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		for i := range b.Entries {
			l, _ := parse(b.Entries[i].Line)
			if l.luck("add", 5) == 0 && !l.added {
				l.added = true
				b.Append(b.Entries[i].Time, []byte(l.String()))
				b.Entries[len(b.Entries)-1].Labels = l.labels()
			}
		}
		return nil
	})
	p := []Processor{read}
	if w.filters {
		p = append(p, filter)
	}
	if w.adds {
		p = append(p, add)
	}
	if w.fails > 0 {
		p = append(p, ProcessorFunc(w.fail))
	}
	return p
}

// fail ruins the batches that hold an unlucky line.
func (w *world) fail(_ context.Context, b *batch.Batch) error {
	unlucky := slices.ContainsFunc(b.Entries, func(e batch.Entry) bool { l, _ := parse(e.Line); return l.luck("fail", 60) == 0 })
	if !unlucky {
		return nil
	}
	w.mu.Lock()
	for _, l := range w.asRead[b] {
		w.failed[l] = true
	}
	w.mu.Unlock()
	b.Filter(func(*batch.Entry) bool { return false })
	switch w.fails {
	case 1:
		return errors.New("processor")
	case 2:
		panic("processor")
	default:
		runtime.Goexit()
		return nil
	}
}
