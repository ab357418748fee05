package loki

import (
	"errors"
	"fmt"
	"time"

	"github.com/logferry/logferry/sink"
)

// maxTold is how often an entry is clamped on Loki's word: its distributor has one, and its ingester another. What is
// refused after that has something else wrong with it.
const maxTold = 2

// clamps reports whether entry i, which Loki has refused with the fate f, is sent again with another time.
func (d *delivery) clamps(f fate, i int32, oldest time.Time) bool {
	if d.told(i) >= maxTold {
		return false
	}
	switch t := &d.sink.cfg.Times; f {
	case refusedOld:
		return t.TooOld == Clamp && !oldest.IsZero() && oldest.Before(time.Now())
	case refusedNew:
		return t.TooNew == Clamp
	}
	return false
}

func (d *delivery) told(i int32) int8 {
	if d.w.sent == nil {
		return 0
	}
	return d.w.sent[i].told
}

// clamped sends the entries idx again, which Loki has refused for their times: it has another idea of what is too old or
// too new than Times, or it knows newer entries of the stream, from somebody else.
func (d *delivery) clamped(p *parcel, idx []int32, oldest time.Time, rule ruling) error {
	if len(idx) == 0 {
		return nil
	}
	idx = d.clampAll(p, idx, oldest)
	for len(idx) > 0 {
		if err := d.spent(rule); err != nil {
			d.fail(idx, err)
			return err
		}
		d.resends++
		n, err := d.resend(p, d.near(p, idx), d.sink.cfg.MaxRequest)
		if idx = idx[n:]; err != nil {
			d.fail(idx, err)
			return err
		}
	}
	return nil
}

// clampAll gives the entries idx new times and returns those of them that can be sent so.
func (d *delivery) clampAll(p *parcel, idx []int32, oldest time.Time) []int32 {
	c := &p.m.stream.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if !oldest.IsZero() {
		c.floor = later(c.floor, oldest.Add(time.Second)) // it was cut to seconds
	}
	t := &d.sink.cfg.Times
	v := c.window(t, time.Now())
	good := idx[:0]
	for _, i := range idx {
		s := c.clampNew(t, &v)
		if d.w.wall(i).Before(v.oldest) {
			s = c.clampOld(t, &v)
		}
		s.told = d.told(i) + 1
		if err := d.sendClamped(p, i, s); err != nil {
			d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
			continue
		}
		good = append(good, i)
	}
	return good
}

// sendClamped notes that entry i is sent with the time s, if there is room for its own.
func (d *delivery) sendClamped(p *parcel, i int32, s sentTime) error {
	d.send(i, s)
	if err := checkAttrs(p.m, &d.w, i); err != nil {
		return sink.Permanent(fmt.Errorf("loki: time %v: no room to clamp it: %w", d.w.entry(i).Time, errors.Unwrap(err)))
	}
	return nil
}

// clampOld gives the next time to what is too old. The caller holds c.mu.
func (c *clock) clampOld(t *Times, v *window) sentTime {
	return clamp(&c.old, v.oldest.Add(t.margin()), v)
}

// clampNew gives the next time to what is too new. The caller holds c.mu.
func (c *clock) clampNew(t *Times, v *window) sentTime {
	return clamp(&c.ahead, later(v.now, v.oldest.Add(t.margin())), v)
}

// clamp gives a time from first on that is later than last, the one before.
func clamp(last *time.Time, first time.Time, v *window) sentTime {
	at := last.Add(1)
	if at.Before(first) || at.After(v.latest) { // the latter if the clock was set back
		at = first
	}
	*last = at
	return sentTime{at: at, clamped: true}
}
