package source_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// A naive ledger keeps all that was ever sent, and works out the cursor from
// the beginning each time.
type naive struct {
	name    string
	gens    []*naiveGen
	losses  int
	opening *naiveOpen
}

type naiveGen struct {
	stream *source.Stream
	sent   []naiveSent
	void   bool // replaced, or about to be
	lost   bool
}

type naiveSent struct {
	p    *sourcetest.Parcel
	next string
}

// A naiveOpen is an Open under way.
type naiveOpen struct {
	result  chan *source.Stream
	drained bool
	due     time.Time // once drained: when it is to return
}

// prefix is how many batches were delivered without a gap.
func (g *naiveGen) prefix() int {
	for i, s := range g.sent {
		if s.p.Fate() != sourcetest.Delivered {
			return i
		}
	}
	return len(g.sent)
}

func (g *naiveGen) held() (all []naiveSent) {
	for _, s := range g.sent {
		if s.p.Fate() == sourcetest.Held {
			all = append(all, s)
		}
	}
	return all
}

func (n *naive) cursor() (c string) {
	for _, g := range n.gens {
		for _, s := range g.sent[:g.prefix()] {
			if s.next != "" {
				c = s.next
			}
		}
	}
	return c
}

func (n *naive) last() *naiveGen {
	if len(n.gens) == 0 {
		return &naiveGen{}
	}
	return n.gens[len(n.gens)-1]
}

// drain notes that nothing is in flight, if an Open waits for that.
func (n *naive) drain() {
	if n.opening == nil || n.opening.drained || len(n.last().held()) > 0 {
		return
	}
	wait := time.Duration(0)
	if n.losses > 0 {
		wait = min(50*time.Millisecond<<(n.losses-1), 10*time.Second)
	}
	n.opening.drained, n.opening.due = true, time.Now().Add(wait)
}

// A model takes random steps with an outlet and its naive ledgers.
type model struct {
	*rig
	rnd     *rand.Rand
	streams map[string]*naive
	serial  int
}

// After each step, cursors in memory and in the store, the outcome of Send, and
// the instant at which Open returns are as the naive ledger has them.
func TestLedgerModel(t *testing.T) {
	start := rand.Uint64()
	for i := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{rig: newRig(t), rnd: rand.New(rand.NewPCG(start+i, 1)), streams: map[string]*naive{}}
			m.r.Hold()
			for step := 0; step < 200 && !t.Failed(); step++ {
				m.step(m.stream())
				synctest.Wait()
				m.check()
			}
			for _, n := range m.streams {
				m.deliver(n)
				if n.opening != nil {
					<-n.opening.result
				}
			}
			if t.Failed() {
				t.Logf("seed %d", start+i)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func (m *model) stream() *naive {
	name := fmt.Sprintf("s%d", m.rnd.IntN(3))
	if m.streams[name] == nil {
		m.streams[name] = &naive{name: name}
	}
	return m.streams[name]
}

func (m *model) step(n *naive) {
	switch k := m.rnd.IntN(100); {
	case k < 35:
		m.send(n)
	case k < 75:
		m.settle(n)
	case k < 87:
		m.open(n)
	case k < 98:
		time.Sleep(time.Duration(m.rnd.Int64N(int64(300 * time.Millisecond))))
	case n.opening == nil:
		m.out.Forget(n.name)
		m.deliver(n)
		delete(m.streams, n.name)
	}
}

func (m *model) deliver(n *naive) {
	for _, s := range n.last().held() {
		s.p.Deliver()
	}
}

func (m *model) send(n *naive) {
	if len(n.gens) == 0 {
		return
	}
	g := n.last()
	if m.rnd.IntN(4) == 0 {
		g = n.gens[m.rnd.IntN(len(n.gens))] // an old handle, perhaps
	}
	m.serial++
	next := strconv.Itoa(m.serial)
	if m.rnd.IntN(5) == 0 {
		next = ""
	}
	before := len(m.r.Arrived())
	err := trySend(m.t.Context(), g.stream, next, "line")
	if dead := g.void || g.lost; (err != nil) != dead || dead && !errors.Is(err, source.ErrStreamLost) {
		m.t.Errorf("%s: Send = %v; void %v, lost %v", n.name, err, g.void, g.lost)
	}
	if err == nil {
		g.sent = append(g.sent, naiveSent{m.r.Arrived()[before], next})
	}
}

func (m *model) settle(n *naive) {
	g := n.last()
	held := g.held()
	if len(held) == 0 {
		return
	}
	p, before := held[m.rnd.IntN(len(held))].p, g.prefix()
	if m.rnd.IntN(6) == 0 {
		p.Lose(nil)
		if !g.lost {
			n.losses++
		}
		g.lost = true
	} else {
		p.Deliver()
		if g.prefix() > before && !g.lost {
			n.losses = 0
		}
	}
	n.drain()
}

func (m *model) open(n *naive) {
	if n.opening != nil {
		return
	}
	n.last().void = true
	n.opening = &naiveOpen{result: make(chan *source.Stream, 1)}
	n.drain()
	go func() {
		s, err := m.out.Open(m.t.Context(), n.name, batch.Labels{})
		if err != nil {
			m.t.Error(err)
		}
		n.opening.result <- s
	}()
}

func (m *model) check() {
	stored := m.stored()
	for _, n := range m.streams {
		if got, want := stored[rigName+"/"+n.name], n.cursor(); got != want {
			m.t.Errorf("%s: stored cursor is %q, want %q", n.name, got, want)
		}
		for _, g := range n.gens {
			if got, want := g.stream.Cursor(), n.cursor(); got != want {
				m.t.Errorf("%s: cursor is %q, want %q", n.name, got, want)
			}
		}
		o := n.opening
		if o == nil {
			continue
		}
		due := o.drained && !time.Now().Before(o.due)
		if returned := len(o.result) > 0; returned != due {
			m.t.Errorf("%s: Open has returned: %v, want %v (settled %v, due %v, now %v)", n.name, returned, due, o.drained, o.due, time.Now())
			continue
		}
		if due {
			n.gens = append(n.gens, &naiveGen{stream: <-o.result})
			n.opening = nil
		}
	}
	for name := range stored {
		if _, ok := m.streams[name[len(rigName)+1:]]; !ok {
			m.t.Errorf("%s is stored but was forgotten", name)
		}
	}
}

// Many streams at once, each with a source that reads numbers, batches that are
// delivered and lost in any order by several goroutines, and a watcher: no
// cursor is ever ahead of what was delivered, and everything arrives.
func TestLedgerConcurrently(t *testing.T) {
	const streams, batches, per = 6, 60, 3
	g := newRig(t)
	g.r.Hold()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acked [streams][batches * per]atomic.Bool
	check := func() {
		for name, cursor := range g.out.Cursors(t.Context()) {
			k, _ := strconv.Atoi(name)
			n, _ := strconv.Atoi(cursor)
			for i := range n {
				if !acked[k][i].Load() {
					t.Errorf("stream %d: cursor %d, but line %d was not delivered", k, n, i)
				}
			}
		}
	}
	var feeds, others sync.WaitGroup
	for k := range streams {
		feeds.Go(func() { feed(g, strconv.Itoa(k), batches, per) })
	}
	others.Go(func() {
		g.r.Wait(ctx, func() bool { check(); g.saver.Save(t.Context()); return t.Failed() })
	})
	var claimed sync.Map
	for range 3 {
		others.Go(func() {
			for g.r.Wait(ctx, func() bool { return len(g.r.Held()) > 0 }) == nil {
				held := g.r.Held()
				if len(held) == 0 {
					continue
				}
				p := held[rand.IntN(len(held))]
				if _, twice := claimed.LoadOrStore(p, true); twice {
					continue
				}
				if rand.IntN(40) == 0 {
					p.Lose(nil)
					continue
				}
				for _, l := range p.Lines() { // before: the cursor moves within Deliver
					var k, i int
					fmt.Sscan(l, &k, &i)
					acked[k][i].Store(true)
				}
				p.Deliver()
			}
		})
	}
	feeds.Wait()
	stop()
	others.Wait()
	check()
	stored := g.stored()
	for k := range streams {
		if got := stored[fmt.Sprintf("%s/%d", rigName, k)]; got != strconv.Itoa(batches*per) {
			t.Errorf("stream %d ends at %s", k, got)
		}
	}
}

// feed sends the numbers from 0 on, a few per batch, and begins again at the
// cursor whenever the stream is lost, until all have been delivered.
func feed(g *rig, name string, batches, per int) {
	label := batch.MustLabels("stream", name)
	inFlight := func() bool {
		for _, p := range g.r.Held() {
			if p.Entries[0].Labels == label {
				return true
			}
		}
		return false
	}
	for end := strconv.Itoa(batches * per); ; {
		s, err := g.out.Open(g.t.Context(), name, label)
		if err != nil {
			g.t.Error(err)
			return
		}
		at, _ := strconv.Atoi(s.Cursor())
		for ; at < batches*per && err == nil; at += per {
			b := s.NewBatch()
			for i := range per {
				b.Append(time.Time{}, fmt.Appendf(nil, "%s %d", name, at+i))
			}
			err = s.Send(g.t.Context(), b, strconv.Itoa(at+per))
		}
		if err != nil && !errors.Is(err, source.ErrStreamLost) {
			g.t.Error(err)
			return
		}
		ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
		err = g.r.Wait(ctx, func() bool { return !inFlight() })
		cancel()
		if err != nil {
			g.t.Errorf("stream %s hangs at %s", name, s.Cursor())
			return
		}
		if s.Cursor() == end {
			return
		}
	}
}
