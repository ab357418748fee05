package container

import (
	"context"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A crew reads the logs of all containers. Workers look at each, and poll
// those that are not followed through a stream of their own; two more read what
// those have written that are behind. It is the roster that discovery tells.
type crew struct {
	plan     *plan
	src      *Source
	watchdog *watchdog
	out      *source.Outlet
	engine   engine
	selector *selector

	mu        sync.Mutex // guards what follows, and the post of each follower
	followers map[string]*follower
	old       map[string]struct{}  // what was there when the source first looked
	orphans   map[string]time.Time // cursors whose containers are not there, and since when
	due       schedule
	urgent    *backlog                        // of containers that run, or have just ended
	past      *backlog                        // of others
	tasks     map[*follower]*lifecycle.Handle // nil: none may begin any more
	version   apiVersion
	up        chan struct{} // closed while the engine answers
	nudge     chan struct{} // something may be due
}

var _ roster = (*crew)(nil)

// forgetAfter is how long a container must be absent for its cursor to be
// dropped, if its end was not seen.
const forgetAfter = 10 * time.Minute

func newCrew(s *Source, out *source.Outlet, e engine, sel *selector) *crew {
	return &crew{
		plan: s.plan, src: s, watchdog: newWatchdog(), out: out, engine: e, selector: sel,
		followers: map[string]*follower{}, orphans: map[string]time.Time{}, tasks: map[*follower]*lifecycle.Handle{},
		up: make(chan struct{}), nudge: make(chan struct{}, 1), urgent: newBacklog(), past: newBacklog(),
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
		c.followers[id] = f
	}
	f.again = true
	f.hasRun = f.hasRun || why == started || why == ended
	if f.barred {
		return
	}
	now := why == started || why == ended
	switch f.place {
	case idle, queued:
		c.queue(f, urgency(now))
	case waiting:
		if now {
			c.queue(f, urgency(now))
		}
	case tasked:
		if why == renamed || why == found {
			f.doubt()
		}
	}
}

// urgency is how long a container waits that something was told of. One to which
// something happens now comes before all that are due, of which there may be thousands
// that were found.
func urgency(now bool) time.Duration {
	if now {
		return -time.Hour
	}
	return 0
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

// leavesOut reports whether what is in the log of f now is not to be delivered.
func (c *crew) leavesOut(f *follower) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, old := c.old[f.id]
	return old && c.plan.From == End
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
	now := time.Now()
	if c.old == nil {
		c.old = c.src.old(ids)
		for id := range c.orphans {
			c.orphans[id] = now // before, the engine could not be asked for them
		}
	}
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
