package sink

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A pacer lets the Writes of a queue to its destination through: no more than MaxInFlight, and as the shaper says if
// there is one.
type pacer struct {
	most    int
	shaper  batch.Shaper       // nil: there is none
	backlog func() batch.State // Backlog and Oldest

	mu      sync.Mutex
	writing int
	begun   int64
	ended   chan struct{} // closed and replaced when a Write ends
}

func newPacer(most int, shaper batch.Shaper, backlog func() batch.State) *pacer {
	return &pacer{most: most, shaper: shaper, backlog: backlog, ended: make(chan struct{})}
}

// A passage is one Write that was let through.
type passage struct {
	began    time.Time
	inFlight int
	timeout  time.Duration // zero: none
}

// enter waits until what d writes next, which it may make smaller, may be written.
func (p *pacer) enter(ctx context.Context, d *Delivery) (passage, error) {
	for {
		pass, pause, ended, ok := p.try(d)
		if ok {
			return pass, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ended:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return passage{}, ctx.Err()
		}
		timer.Stop()
	}
}

// try lets a Write through, or says when to try again: after a while, or when another has ended.
func (p *pacer) try(d *Delivery) (pass passage, pause time.Duration, ended chan struct{}, ok bool) {
	var state batch.State
	if p.shaper != nil {
		state = p.backlog()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing >= p.most {
		return pass, math.MaxInt64, p.ended, false
	}
	pass.began = time.Now()
	if p.shaper != nil {
		state.Now, state.InFlight, state.Begun = pass.began, p.writing, p.begun
		var l batch.Limits
		p.ask(func() { l = p.shaper.Limits(state) })
		switch {
		case l.Pause > 0:
			return pass, l.Pause, p.ended, false
		case l.InFlight > 0 && p.writing >= l.InFlight:
			return pass, math.MaxInt64, p.ended, false
		}
		if l.MaxBytes > 0 {
			d.Limit(l.MaxBytes)
		}
		pass.timeout = l.Timeout
		p.begun += int64(d.Batch().Size())
	}
	p.writing++
	pass.inFlight = p.writing
	return pass, 0, nil, true
}

// leave ends a Write of b. ctx is that of the queue.
func (p *pacer) leave(ctx context.Context, pass passage, b *batch.Batch, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing--
	close(p.ended)
	p.ended = make(chan struct{})
	if p.shaper == nil {
		return
	}
	now := time.Now()
	o := batch.Outcome{Entries: len(b.Entries), Bytes: b.Size(), InFlight: pass.inFlight, Took: now.Sub(pass.began), Err: err, Now: now}
	o.Class, o.RetryAfter = ClassOf(ctx, err, len(b.Entries))
	p.ask(func() { p.shaper.Observe(o) })
}

// ask calls the shaper. If it panics the queue makes do without, as a route does. The caller has the lock.
func (p *pacer) ask(call func()) {
	if sheltered(call) {
		p.shaper = nil
	}
}
