package loki

import (
	"fmt"
	"sync"
	"time"

	"github.com/logferry/logferry/sink"
)

// A clock remembers with which times a stream has been sent, so that what is sent again is given the time it had. It
// moves over entries whose fate is settled only.
type clock struct {
	mu     sync.Mutex
	newest time.Time // of what is stored; zero: not known

	// What Times.Clamp gives the next entry that is too old or too new; zero: not chosen yet.
	old, ahead time.Time
	// pending: entries were not settled, and are expected again.
	pending bool

	own, sent time.Time // Distinct: of the entry before
}

// A reading is a clock that runs ahead, over entries that are about to be sent.
type reading struct {
	*Times
	now, oldest, latest   time.Time
	old, ahead, own, sent time.Time
}

// read prepares c for entries that are sent at now. The caller holds c.mu.
func (c *clock) read(t *Times, now time.Time) reading {
	oldest := t.oldest(now, c.newest)
	if c.old.Before(oldest) {
		c.old = oldest.Add(t.margin())
	}
	if !c.pending && now.After(c.ahead) || c.ahead.Before(oldest) {
		c.ahead = now
	}
	return reading{
		Times: t, now: now, oldest: oldest, latest: now.Add(t.MaxAhead),
		old: c.old, ahead: c.ahead, own: c.own, sent: c.sent,
	}
}

// next says with which time the next entry is sent whose own is given. An error is permanent.
func (r *reading) next(own time.Time) (sentTime, error) {
	switch {
	case own.Before(r.oldest) && r.TooOld == Refuse:
		return sentTime{}, sink.Permanent(fmt.Errorf("loki: time %v: too old: oldest acceptable is %v", own, r.oldest))
	case own.After(r.latest) && r.TooNew == Refuse:
		return sentTime{}, sink.Permanent(fmt.Errorf("loki: time %v: too new: latest acceptable is %v", own, r.latest))
	case own.Before(r.oldest) && r.TooOld == Clamp:
		return take(&r.old), nil
	case own.After(r.latest) && r.TooNew == Clamp:
		return take(&r.ahead), nil
	case r.Distinct:
		return r.distinct(own), nil
	}
	return sentTime{}, nil
}

// take gives the time at and moves it on.
func take(at *time.Time) sentTime {
	s := sentTime{at: *at, clamped: true}
	*at = at.Add(1)
	return s
}

// distinct moves an entry behind the one before it. One that is older than that is out of order, and left alone: its
// equals are not near.
func (r *reading) distinct(own time.Time) (s sentTime) {
	at := own
	if !own.Before(r.own) && !own.After(r.sent) {
		at = r.sent.Add(1)
		s.at = at
	}
	r.own, r.sent = own, at
	return s
}

// settle moves c over the entries idx, which are sent as w says, and of which Loki has stored all or none. They are in
// order.
func (c *clock) settle(w *draft, idx []int32, stored bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.sent == nil {
		idx = idx[len(idx)-1:] // the last one is all that counts
	}
	for _, i := range idx {
		own, sent := w.entry(i).Time, w.time(i)
		switch {
		case w.sent == nil || !w.sent[i].clamped:
			c.own, c.sent = own, sent
		case own.Before(sent):
			c.old = later(c.old, sent.Add(1))
		default:
			c.ahead = later(c.ahead, sent.Add(1))
		}
		if stored {
			c.newest = later(c.newest, sent)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// expect notes whether there is something left that is expected again.
func (c *clock) expect(pending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = pending
}

// last returns the time of the newest entry that is stored; zero: not known.
func (c *clock) last() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}
