package container

import (
	"context"
	"time"
)

// queue puts f into the schedule, or moves it there. The caller holds the lock.
func (c *crew) queue(f *follower, wait time.Duration) {
	f.place = queued
	c.call(f, wait)
}

// call has a worker come to f after wait, or earlier if that was to be. The caller
// holds the lock.
func (c *crew) call(f *follower, wait time.Duration) {
	at := time.Now().Add(wait)
	if f.index > 0 && !at.Before(f.at) {
		return
	}
	c.due.put(f, at)
	tell(c.nudge)
}

// tell leaves a token in c, which has room for one.
func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// attend has a worker look after f, which has a task that waits.
func (c *crew) attend(f *follower, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.call(f, wait)
}

// work is what each worker does until ctx is done.
func (c *crew) work(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := c.answers(ctx); err != nil {
			return nil
		}
		f, polled, wait := c.pop()
		if f != nil {
			c.serve(ctx, f, polled)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-c.nudge:
		case <-timer.C:
		}
	}
}

// pop takes the follower that is due, to be polled or attended to, or returns
// how long there is none.
func (c *crew) pop() (f *follower, polled bool, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.due.first()
	if f == nil {
		return nil, false, time.Hour
	}
	if wait := time.Until(f.at); wait > 0 {
		return nil, false, wait
	}
	c.due.remove(f)
	if c.due.first() != nil {
		tell(c.nudge) // another worker may take it
	}
	if polled = f.place == queued; polled {
		f.place = working
	}
	return f, polled, 0
}

// serve does what f is due for.
func (c *crew) serve(ctx context.Context, f *follower, polled bool) {
	if polled {
		if f.take(ctx) == nil {
			c.settle(ctx, f, f.poll(ctx))
			f.lay()
		}
		return
	}
	select {
	case f.hold <- struct{}{}:
		if f.feed != nil {
			c.attend(f, f.feed.attend(ctx))
		}
		f.lay()
	default:
		c.attend(f, time.Second) // its task has it in hand
	}
}

// take takes f in hand.
func (f *follower) take(ctx context.Context) error {
	select {
	case f.hold <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lay lays f down.
func (f *follower) lay() { <-f.hold }
