package loki

import (
	"slices"
	"time"

	"github.com/logferry/logferry/sink"
)

// schedule puts p's entries in order and decides with which times they are sent. Of an ordered stream Loki refuses as
// few as possible: each entry may be an hour behind the newest one before it.
func (d *delivery) schedule(p *parcel) {
	if !d.w.inOrder(p.idx) {
		slices.SortStableFunc(p.idx, func(i, j int32) int { return d.w.time(i).Compare(d.w.time(j)) })
	}
	if len(p.idx) > 0 && d.sink.cfg.Times.changes() {
		d.retime(p)
	}
}

func (d *delivery) retime(p *parcel) {
	c := &p.m.stream.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.read(&d.sink.cfg.Times, time.Now())
	good := p.idx[:0]
	for _, i := range p.idx {
		s, err := r.next(d.w.entry(i).Time)
		if err == nil && !s.at.IsZero() {
			err = d.send(p, i, s)
		}
		if err != nil {
			d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
			continue
		}
		good = append(good, i)
	}
	p.idx = good
}

// send notes that entry i is sent with the time s, for which there may be no room.
func (d *delivery) send(p *parcel, i int32, s sentTime) error {
	if d.w.sent == nil {
		n := len(d.w.b.Entries)
		d.sent = slices.Grow(d.sent[:0], n)[:n]
		clear(d.sent)
		d.w.sent = d.sent
	}
	d.w.sent[i] = s
	if !s.clamped {
		return nil
	}
	return checkAttrs(p.m, &d.w, i)
}
