package container

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// settle decides what becomes of f after a round that ended with err.
func (c *crew) settle(ctx context.Context, f *follower, err error) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case err == errTask, err == errBehind:
		return // it is in other hands now
	case err == nil:
		f.fine()
		c.rest(f)
	case errors.Is(err, errGone):
		c.part(ctx, f)
	case err == errExcluded:
		c.exclude(ctx, f)
	case errors.Is(err, errUnreadable):
		c.bar(f, err)
	case err == errDirect:
		f.fine()
		c.leave(f)
	default:
		c.retry(f, f.wait(err))
	}
}

// leave lays f down for as long as nothing is told of it.
func (c *crew) leave(f *follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.drop()
	f.track = nil
	if f.place = idle; f.again {
		c.queue(f, 0)
	}
}

// rest lays f down until something may be there to read.
func (c *crew) rest(f *follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.caught = true
	switch {
	case f.again:
		c.queue(f, 0)
	case f.running():
		f.shown.is(Polled)
		c.queue(f, f.interval)
	default:
		f.shown.is(Idle)
		f.place = idle
		f.drop()
		f.track = nil // there may be thousands that have ended
	}
}

func (c *crew) retry(f *follower, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue(f, wait)
}

// bar leaves a container alone that cannot be read, for good.
func (c *crew) bar(f *follower, err error) {
	f.shown.fail(err)
	f.shown.is(Unreadable)
	f.log().Warn("the log of a container cannot be read", slog.String("driver", f.driver), slog.Any("error", err))
	c.mu.Lock()
	defer c.mu.Unlock()
	f.place, f.barred = idle, true
}

// exclude leaves a container alone until something is told of it.
func (c *crew) exclude(ctx context.Context, f *follower) {
	f.finish(ctx) // if it was followed before; what is not sent is read again if it is once more
	f.drop()
	c.src.hide(f.shown)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.place = idle; f.again {
		c.queue(f, 0)
	}
}

// part sends what is left of a container that is no more, and forgets it.
func (c *crew) part(ctx context.Context, f *follower) {
	f.finish(ctx) // if its stream is lost there is nothing to read it from again
	f.drop()
	c.src.direct.gone(f.id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.index > 0 {
		c.due.remove(f)
	}
	if c.followers[f.id] == f {
		delete(c.followers, f.id)
	}
	c.src.hide(f.shown)
	c.out.Forget(f.id)
}
