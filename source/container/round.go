package container

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

var (
	errTask   = errors.New("it has a task now")
	errBehind = errors.New("it is in the backlog now")
)

// poll is what a worker does with f: it looks at it, and reads it unless that
// is better left to others.
func (f *follower) poll(ctx context.Context) error {
	if err := f.renew(ctx); err != nil {
		return err
	}
	if f.streams() && f.crew.promote(f) {
		return errTask
	}
	if f.crew.postpone(f) {
		return errBehind
	}
	return f.round(ctx)
}

// renew looks at the container, if that is not known to be as it was.
func (f *follower) renew(ctx context.Context) error {
	if f.crew.noticed(f) || !f.known {
		if err := f.look(ctx); err != nil {
			f.known = false
			return err
		}
	}
	if f.track == nil {
		f.track = newTrack(f.crew.plan, func() *batch.Batch { return f.stream.NewBatch() })
		f.track.describe(f.tty, f.who.attrs)
		f.track.podman = f.podman
	}
	return nil
}

// ready makes sure of what is needed to read: what the container is, and a
// stream.
func (f *follower) ready(ctx context.Context) error {
	if err := f.renew(ctx); err != nil {
		return err
	}
	return f.open(ctx)
}

// round reads what there is.
func (f *follower) round(ctx context.Context) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	return f.read(ctx)
}

// read is round for what is ready.
func (f *follower) read(ctx context.Context) error {
	running := f.running() // before the log is read: what comes after it is another round's
	fresh, err := f.catchUp(ctx)
	if err != nil {
		return err
	}
	f.pace(fresh)
	if !running {
		return f.conclude(ctx)
	}
	return f.expire(ctx)
}

// conclude sends what is open of a container that had ended before its log was
// read. If it was started again meanwhile, what is open may be of the new run,
// and goes on.
func (f *follower) conclude(ctx context.Context) error {
	if f.track.open() {
		began := f.started
		if err := f.look(ctx); err != nil {
			return err
		}
		if f.running() || !f.started.Equal(began) {
			return f.round(ctx)
		}
	}
	return f.finish(ctx)
}

// pace sets when to poll again: at once if there was much, later each time
// there was nothing.
func (f *follower) pace(fresh int) {
	p := f.crew.plan
	f.gaining = fresh >= busy && (f.rotate != noRotation || fresh < f.before/2)
	f.before = fresh
	switch {
	case fresh >= busy:
		f.interval = 0
	case fresh > 0 || f.interval == 0:
		f.interval = p.Poll
	default:
		f.interval = min(f.interval*3/2, p.IdlePoll)
	}
	if f.track.open() {
		f.interval = min(f.interval, p.Poll)
	}
	if fresh > 0 || !f.track.open() {
		f.changed = time.Now()
	}
}

// busy is how many messages make it likely that there are more by now.
const busy = 1000

// expire sends what has been open for long enough, of a container that is
// polled.
func (f *follower) expire(ctx context.Context) error {
	if !f.track.open() || time.Since(f.changed) < f.crew.plan.openFor() {
		return nil
	}
	return f.finish(ctx)
}

// streams reports whether f is to be followed through a stream.
func (f *follower) streams() bool {
	return f.running() && (f.rotate == noRotation || f.rotate >= liveMin && f.crew.lenient())
}

// wait is how long to wait after err.
func (f *follower) wait(err error) time.Duration {
	if _, ok := errors.AsType[*sendError](err); ok {
		return 0 // Open waits as long as it is good
	}
	return f.fail(err)
}

// noticed reports whether something was told of f, and forgets it.
func (c *crew) noticed(f *follower) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := f.again
	f.again = false
	return again
}

// promote gives f a task of its own, if there may be one more.
func (c *crew) promote(f *follower) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks == nil || len(c.tasks) >= c.plan.MaxStreams {
		return false
	}
	f.place = tasked
	f.shown.is(CatchingUp)
	c.tasks[f] = c.out.Go("follow-"+short(f.id), func(ctx context.Context) error { return c.follow(ctx, f) })
	return true
}

// follow is the task of f.
func (c *crew) follow(ctx context.Context, f *follower) error {
	if f.take(ctx) != nil { // waits until the worker that promoted it has let go
		return nil
	}
	defer f.lay()
	err := f.follow(ctx)
	c.mu.Lock()
	delete(c.tasks, f)
	f.place = working
	c.mu.Unlock()
	c.settle(ctx, f, err)
	return nil
}

// follow reads f in turns: what is there, then what comes. It returns nil when
// the container has ended and was read to its end.
func (f *follower) follow(ctx context.Context) error {
	for {
		err := f.crew.answers(ctx)
		if err == nil {
			err = f.turn(ctx)
		}
		wait := f.interval
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case final(err), err == nil && !f.streams():
			return err
		case err == errDoubt:
			wait = f.crew.plan.Poll
		case err == errOver:
			f.known = false
			if wait = 0; f.brief {
				wait = next(f.backoff)
			} else {
				f.fine()
			}
		case err != nil:
			wait = f.wait(err)
		default:
			f.fine()
		}
		if err := f.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// final reports whether err is not to be tried again.
func final(err error) bool {
	return err == errExcluded || err == errDirect || errors.Is(err, errGone) || errors.Is(err, errUnreadable)
}

// turn reads what is there, and follows the log unless another turn will gain on
// the writer: that would read at least as much again, since so many messages
// have come meanwhile. With a log that is rotated there is no haste, as the
// engine's reader must not be far behind.
func (f *follower) turn(ctx context.Context) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	if f.streams() && f.rotate == noRotation && !f.podman && f.sent.start() {
		return f.live(ctx) // the stream begins with all there is, and leaves nothing out
	}
	if err := f.read(ctx); err != nil || !f.streams() || f.gaining {
		return err
	}
	f.before = math.MaxInt
	return f.live(ctx)
}

// pause waits, unless f is told of meanwhile.
func (f *follower) pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.news:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
