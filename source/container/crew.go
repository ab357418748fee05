package container

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A crew reads the logs of all containers. Workers look at each, and poll
// those that are not followed through a stream of their own; one more reads what
// those have written that are behind. It is the roster that discovery tells.
type crew struct {
	plan     *plan
	src      *Source
	watchdog *watchdog
	out      *source.Outlet
	engine   engine
	selector *selector

	mu        sync.Mutex
	followers map[string]*follower
	old       map[string]struct{}  // what was there when the source first looked
	orphans   map[string]time.Time // cursors whose containers are not there, and since when
	due       schedule
	backlog   []*follower
	tasks     map[*follower]*lifecycle.Handle // nil: none may begin any more
	version   apiVersion
	up        chan struct{} // closed while the engine answers
	nudge     chan struct{} // something may be due
	behind    chan struct{} // there is a backlog
}

var _ roster = (*crew)(nil)

// A post says in whose hands a follower is.
type post struct {
	place    place
	again    bool // to be looked at once more
	barred   bool // its driver cannot be read
	caught   bool // it has been read to the end once
	admitted bool // it was to be followed once
	hasRun   bool // it was seen to be started, or to end
	at       time.Time
	index    int // in the schedule, from 1; 0: it is not there
	kick     context.CancelCauseFunc
}

// A place is where a follower is.
type place int

const (
	idle    place = iota // nothing is to be read
	queued               // in the schedule, to be polled
	waiting              // in the backlog
	working              // in the hands of a worker
	tasked               // it has a task of its own
)

// forgetAfter is how long a container must be absent for its cursor to be
// dropped, if its end was not seen.
const forgetAfter = 10 * time.Minute

func newCrew(s *Source, out *source.Outlet, e engine, sel *selector) *crew {
	return &crew{
		plan: s.plan, src: s, watchdog: newWatchdog(), out: out, engine: e, selector: sel,
		followers: map[string]*follower{}, orphans: map[string]time.Time{}, tasks: map[*follower]*lifecycle.Handle{},
		up: make(chan struct{}), nudge: make(chan struct{}, 1), behind: make(chan struct{}, 1),
	}
}

// begin learns which containers there were. It is called before all else.
func (c *crew) begin(ctx context.Context) error {
	now := time.Now()
	for name, text := range c.out.Cursors(ctx) {
		if _, err := parsePosition(text); err == nil && isID(name) {
			c.orphans[name] = now
		}
	}
	return context.Cause(ctx)
}

// isID reports whether name is the id of a container: other streams of the
// source are somebody else's.
func isID(name string) bool {
	if len(name) != 64 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// reached implements roster. When the engine answers again, every stream is in
// doubt: what it ended for is not known, nor whether it has.
func (c *crew) reached(up bool, v apiVersion) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.isUp()
	switch {
	case up && !open:
		c.version = v
		close(c.up)
	case !up && open:
		c.up = make(chan struct{})
	}
	if !up {
		return
	}
	for _, f := range c.followers {
		switch f.place {
		case queued:
			c.queue(f, 0)
		case tasked:
			f.doubt()
		}
	}
}

func (c *crew) isUp() bool {
	select {
	case <-c.up:
		return true
	default:
		return false
	}
}

// answers waits until the engine does.
func (c *crew) answers(ctx context.Context) error {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lenient reports whether the engine, asked for what is not older than some
// time, sends all that follows the first such message. Before 23.0, which has
// version 1.42, it left out every message that was older, and its followers sent
// messages again at rotations.
func (c *crew) lenient() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version.major > 1 || c.version.minor >= 42
}

// wake implements roster.
func (c *crew) wake(id string, why reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.orphans, id)
	f := c.followers[id]
	if f == nil {
		f = newFollower(c, id)
		_, f.latest = c.old[id]
		f.latest = f.latest && c.plan.From == End
		c.followers[id] = f
	}
	f.again = true
	f.hasRun = f.hasRun || why == started || why == ended
	if f.barred {
		return
	}
	switch f.place {
	case idle:
		c.queue(f, 0)
	case queued:
		c.queue(f, 0)
	case tasked:
		if why == renamed || why == found {
			f.doubt()
		}
	}
}

// standing is what is known of f beside what the engine says.
func (c *crew) standing(f *follower) standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case f.admitted:
		return followed
	case f.hasRun:
		return hasRun
	default:
		return unknown
	}
}

// admit notes that f is followed.
func (c *crew) admit(f *follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.admitted = true
	c.src.show(f.shown)
}

// doubt has the task of f look again, and end the stream that it has, if any.
// The caller holds the lock.
func (f *follower) doubt() {
	tell(f.news)
	if f.kick != nil {
		f.kick(errDoubt)
	}
}

// lives notes how to end the stream of f; nil: there is none any more. false:
// something was told of f meanwhile, and it must be looked at again before.
func (c *crew) lives(f *follower, end context.CancelCauseFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.kick = end
	return !f.again
}

// gone implements roster. A follower that is being read finds out by itself,
// when it has read what is left.
func (c *crew) gone(id string) {
	c.src.direct.gone(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followers[id]
	if f == nil {
		delete(c.orphans, id)
		c.out.Forget(id)
		return
	}
	f.again = true
	if f.place == idle || f.place == queued {
		f.barred = false
		c.queue(f, 0)
	}
}

// sync implements roster.
func (c *crew) sync(ids map[string]struct{}) {
	c.src.direct.sync(ids)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old == nil {
		c.old = c.src.old(ids)
	}
	now := time.Now()
	for id, f := range c.followers {
		if _, ok := ids[id]; !ok && (f.place == idle || f.place == queued) {
			f.barred = false
			c.queue(f, 0)
		}
	}
	for id, since := range c.orphans {
		if _, ok := ids[id]; ok {
			c.orphans[id] = now
		} else if now.Sub(since) >= forgetAfter {
			delete(c.orphans, id)
			c.out.Forget(id)
		}
	}
}

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

// work is a worker.
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

// catch reads, one after the other, what containers have written that are not
// followed by a task and that nobody has read to the end yet: that may take
// long, and workers do not wait for it.
func (c *crew) catch(ctx context.Context) error {
	for {
		if err := c.answers(ctx); err != nil {
			return nil
		}
		f := c.popBacklog()
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
		case <-c.behind:
		}
	}
}

func (c *crew) popBacklog() *follower {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.backlog) == 0 {
		return nil
	}
	f := c.backlog[0]
	c.backlog[0] = nil
	c.backlog = c.backlog[1:]
	f.place = working
	return f
}

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
	f.shown.is(Direct)
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

// close joins all tasks and ends what was not sent. It is called when workers
// have ended.
func (c *crew) close() {
	c.mu.Lock()
	tasks := c.tasks
	c.tasks = nil
	c.mu.Unlock()
	for _, h := range tasks {
		h.Stop()
	}
	for _, h := range tasks {
		h.Wait(context.Background()) // a failure is that of Run already
	}
	for _, f := range c.followers {
		f.drop()
		c.src.hide(f.shown)
	}
}
