package container

import "context"

// A backlog has followers that have no task, and whose logs nobody has read to the
// end yet: that may take long, and workers do not wait for it. The lock of the crew
// guards it, but for more.
type backlog struct {
	queue []*follower   // those that are not waiting any more are passed over
	more  chan struct{} // holds a token when there may be one
}

func newBacklog() *backlog { return &backlog{more: make(chan struct{}, 1)} }

func (b *backlog) put(f *follower) {
	b.queue = append(b.queue, f)
	tell(b.more)
}

// pop takes the first that waits; nil: none does.
func (b *backlog) pop() *follower {
	for len(b.queue) > 0 {
		f := b.queue[0]
		b.queue[0] = nil
		b.queue = b.queue[1:]
		if f.place == waiting {
			f.place = working
			return f
		}
	}
	return nil
}

// postpone leaves f to a backlog, if it has never been read to its end. What a
// container writes may be deleted soon, and what has just ended be removed, so that
// they do not wait for those that ended before.
func (c *crew) postpone(f *follower) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.caught {
		return false
	}
	f.place = waiting
	f.shown.is(CatchingUp)
	if f.running() || f.hasRun {
		c.urgent.put(f)
	} else {
		c.past.put(f)
	}
	return true
}

// catch reads the logs of those in b, one after the other, until ctx is done.
func (c *crew) catch(ctx context.Context, b *backlog) error {
	for {
		if err := c.answers(ctx); err != nil {
			return nil
		}
		c.mu.Lock()
		f := b.pop()
		c.mu.Unlock()
		if f != nil {
			if f.take(ctx) == nil {
				c.settle(ctx, f, f.round(ctx))
				f.lay()
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.more:
		}
	}
}
