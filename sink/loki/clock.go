package loki

import (
	"fmt"
	"sync"
	"time"

	"github.com/logferry/logferry/sink"
)

// A clock gives the entries of a stream the times they are sent with. It never gives one twice, so what is sent again
// must be remembered elsewhere: see recall.
type clock struct {
	mu     sync.Mutex
	newest time.Time // of what is stored; zero: not known
	floor  time.Time // the oldest time that Loki said it would take; zero: it never did

	old, ahead time.Time // the latest that Clamp gave to what is too old and too new

	// Distinct: the newest entry there was, and the latest one, which is older if it came out of order.
	high, run mark
}

// A mark is the own time of an entry and the one it is sent with.
type mark struct{ own, sent time.Time }

// after returns m moved on to the next entry, which is sent behind the one before if it has the same time.
func (m mark) after(own time.Time) mark {
	if own.Before(m.own) || own.After(m.sent) {
		return mark{own, own}
	}
	return mark{own, m.sent.Add(1)}
}

// A window is what Loki accepts at some time.
type window struct{ now, oldest, latest time.Time }

func (v *window) holds(t time.Time) bool { return !t.Before(v.oldest) && !t.After(v.latest) }

// window returns what Loki accepts at now. The caller holds c.mu.
func (c *clock) window(t *Times, now time.Time) window {
	now = now.Round(0) // what counts is the clock on the wall, which may be set back
	v := window{now: now, oldest: now.Add(-t.MaxAge), latest: now.Add(t.MaxAhead)}
	if !c.newest.IsZero() {
		v.oldest = later(v.oldest, c.newest.Add(-t.MaxBehind))
	}
	v.oldest = later(v.oldest, c.floor)
	return v
}

// next says with which time an entry is sent whose own is given. An error is permanent. The caller holds c.mu.
func (c *clock) next(t *Times, v *window, own time.Time) (sentTime, error) {
	switch {
	case own.Before(v.oldest) && t.TooOld == Refuse:
		return sentTime{}, sink.Permanent(fmt.Errorf("loki: time %v: too old: oldest acceptable is %v", own, v.oldest))
	case own.After(v.latest) && t.TooNew == Refuse:
		return sentTime{}, sink.Permanent(fmt.Errorf("loki: time %v: too new: latest acceptable is %v", own, v.latest))
	case own.Before(v.oldest) && t.TooOld == Clamp:
		return c.clampOld(t, v), nil
	case own.After(v.latest) && t.TooNew == Clamp:
		return c.clampNew(t, v), nil
	case t.Distinct:
		return c.distinct(own), nil
	}
	return sentTime{}, nil
}

// distinct moves an entry behind the one before it.
func (c *clock) distinct(own time.Time) (s sentTime) {
	if own.Before(c.high.own) {
		c.run = c.run.after(own)
	} else {
		c.high = c.high.after(own)
		c.run = c.high
	}
	if !c.run.sent.Equal(own) {
		s.at = c.run.sent
	}
	return s
}

// stored notes that the entries idx are stored, in the order in which they were sent.
func (c *clock) stored(w *draft, idx []int32) {
	if w.sent == nil {
		idx = idx[len(idx)-1:] // they are in the order of their own times
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range idx {
		c.newest = later(c.newest, w.wall(i))
	}
}

// last returns the time of the newest entry that is stored; zero: not known.
func (c *clock) last() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
