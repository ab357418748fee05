package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A ledger follows what one stream has sent and commits its cursor over the
// longest prefix that has settled well. It outlives the runs of its source: a
// stream that is opened again goes on from the cursor in memory.
type ledger struct {
	out  *Outlet
	name string

	mu     sync.Mutex
	gen    *generation
	cursor string
	losses int  // generations lost since the last progress of one that was not
	gone   bool // forgotten: deliveries of what is still in flight are not saved
}

// A generation is the life of a stream from one Open to the next.
type generation struct {
	// oldest and newest are the ends of the list of what is not committed. Of
	// settled batches that are neighbours it has only the last, so that it
	// does not grow while one batch is held up and others pass.
	oldest, newest *sent
	open           int   // batches not settled
	lost           error // why the generation ended, nil while it lives
	failed         bool  // a batch of it was lost
	// drained is made by who waits for open to become zero, and closed then.
	drained chan struct{}
}

// A sent is one batch on its way.
type sent struct {
	l             *ledger
	gen           *generation
	cursor        string // behind the batch; "" moves none
	settled       bool   // well
	ended         bool   // well or not
	before, after *sent
}

var (
	errReopened  = errors.New("source: stream was opened again")
	errForgotten = errors.New("source: stream was forgotten")
	// errNotReceived is the outcome of a batch whose Receive panicked.
	errNotReceived = errors.New("source: batch was not received")
)

// Waits before a lost stream is opened again double from lostMin to lostMax: a
// stream that keeps being lost must not keep its source busy.
const (
	lostMin = 50 * time.Millisecond
	lostMax = 10 * time.Second
)

func newLedger(o *Outlet, name string) *ledger {
	return &ledger{out: o, name: name, gen: &generation{}, cursor: o.cfg.Saver.get(o.cfg.Name, name)}
}

func (l *ledger) current() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cursor
}

// renew ends the present generation, waits until it has settled, and begins the
// next. Of several callers at once, one succeeds.
func (l *ledger) renew(ctx context.Context) (*generation, error) {
	old, drained := l.retire()
	if drained != nil {
		if err := l.drain(ctx, drained); err != nil {
			return nil, err
		}
	}
	if wait := l.wait(); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return l.succeed(old)
}

// drain waits for what is in flight. Routes hurry for as long as that takes,
// but not for the wait after a loss.
func (l *ledger) drain(ctx context.Context, drained <-chan struct{}) error {
	done := l.out.cfg.Receiver.Hasten()
	defer done()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait is how long to let a stream rest. It is asked once the older generation
// has settled: what was lost only then counts too.
func (l *ledger) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.losses == 0 {
		return 0
	}
	return min(lostMin<<min(l.losses-1, 20), lostMax)
}

// retire voids the present generation and says what to wait for.
func (l *ledger) retire() (old *generation, drained chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gen
	if g.lost == nil {
		g.lost = errReopened
	}
	if g.open > 0 {
		if g.drained == nil {
			g.drained = make(chan struct{})
		}
		drained = g.drained
	}
	return g, drained
}

func (l *ledger) succeed(old *generation) (*generation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gen != old {
		return nil, errReopened
	}
	if l.gone {
		return nil, errForgotten
	}
	l.gen = &generation{}
	return l.gen, nil
}

// begin notes b as sent, gives times to its entries and returns what is to be
// told its outcome.
func (l *ledger) begin(g *generation, b *batch.Batch, next string) (*sent, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.lost != nil || g != l.gen {
		return nil, fmt.Errorf("%w: %w", ErrStreamLost, g.lost)
	}
	l.out.cfg.Clock.stamp(b)
	r := &sent{l: l, gen: g, cursor: next, before: g.newest}
	if g.newest != nil {
		g.newest.after = r
	} else {
		g.oldest = r
	}
	g.newest = r
	g.open++
	return r, nil
}

// settle is called by whoever drops the batch's last reference. Only the first
// call counts: Send makes one itself if the Receiver panics.
func (r *sent) settle(err error) {
	l, g := r.l, r.gen
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	g.open--
	if err != nil {
		g.lose(l, err)
	} else {
		r.settled = true
		g.join(r)
		if g.commit(l) && !l.gone {
			// Under the lock: of two batches that settle at once, the one that
			// committed further must be the last to be noted.
			l.out.cfg.Saver.set(l.out.cfg.Name, l.name, l.cursor)
		}
	}
	if g.open == 0 && g.drained != nil {
		close(g.drained)
		g.drained = nil
	}
}

// forget voids the stream: what is still in flight is delivered, not noted.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	if l.gen.lost == nil {
		l.gen.lost = errForgotten
	}
	l.out.cfg.Saver.drop(l.out.cfg.Name, l.name)
}

// lose ends g. Its records from the lost one on will be read again. However
// many of its batches are lost, it is one loss.
func (g *generation) lose(l *ledger, err error) {
	if g.failed {
		return
	}
	g.failed = true
	if g.lost == nil || errors.Is(g.lost, errReopened) {
		g.lost = err
	}
	l.losses++
}

// join takes the settled neighbours of r, which has settled, into r.
func (g *generation) join(r *sent) {
	if p := r.before; p != nil && p.settled {
		if r.cursor == "" {
			r.cursor = p.cursor
		}
		g.remove(p)
	}
	if n := r.after; n != nil && n.settled {
		if n.cursor != "" {
			r.cursor = n.cursor
		}
		g.remove(n)
	}
}

func (g *generation) remove(r *sent) {
	if r.before != nil {
		r.before.after = r.after
	} else {
		g.oldest = r.after
	}
	if r.after != nil {
		r.after.before = r.before
	} else {
		g.newest = r.before
	}
	r.before, r.after = nil, nil
}

// commit moves the cursor over the settled prefix, which join has made one.
func (g *generation) commit(l *ledger) (moved bool) {
	r := g.oldest
	if r == nil || !r.settled {
		return false
	}
	g.remove(r)
	if !g.failed {
		l.losses = 0
	}
	if r.cursor == "" {
		return false
	}
	l.cursor = r.cursor
	return true
}
