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
		slices.SortStableFunc(p.idx, func(i, j int32) int { return d.w.wall(i).Compare(d.w.wall(j)) })
	}
	if len(p.idx) > 0 && d.sink.cfg.Times.changes() {
		d.retime(p)
	}
}

func (d *delivery) retime(p *parcel) {
	c := &p.m.stream.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.window(&d.sink.cfg.Times, time.Now())
	recalls := !p.m.recall.empty()
	good := p.idx[:0]
	for _, i := range p.idx {
		if recalls && d.recalled(p, &v, i) {
			good = append(good, i)
			continue
		}
		if err := d.retimeEntry(p, &v, i); err != nil {
			d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
			continue
		}
		good = append(good, i)
	}
	p.idx = good
}

// recalled gives entry i the time it was sent with before, if it was, and if that is still acceptable, or as good as its
// own and left to Loki.
func (d *delivery) recalled(p *parcel, v *window, i int32) bool {
	s, found := p.m.recall.take(&d.w, i)
	own := d.w.own(i)
	if !found || !v.holds(s.of(own)) && (s.clamped || !d.sink.cfg.Times.keeps(v, own)) {
		return false
	}
	d.send(i, s)
	return true
}

func (d *delivery) retimeEntry(p *parcel, v *window, i int32) error {
	s, err := p.m.stream.clock.next(&d.sink.cfg.Times, v, d.w.own(i))
	if err != nil {
		return err
	}
	if s.clamped {
		return d.sendClamped(p, i, s)
	}
	d.send(i, s)
	return nil
}

// send notes that entry i is sent with the time s.
func (d *delivery) send(i int32, s sentTime) {
	if s == (sentTime{}) && d.w.sent == nil {
		return
	}
	if d.w.sent == nil {
		n := len(d.w.b.Entries)
		d.sent = slices.Grow(d.sent[:0], n)[:n]
		clear(d.sent)
		d.w.sent = d.sent
	}
	d.w.sent[i] = s
}

// near returns the first entries of idx, which are of p, that may share a request. None of them is so far behind another
// that Loki, if it has stored them and its answer is lost, would find them too far behind when they come again. Nor are
// entries that are too far behind already, as far as we know, together with others, nor with each other if Loki may have
// divided the stream up: then it would tell of the last part only.
func (d *delivery) near(p *parcel, idx []int32) []int32 {
	most := d.sink.cfg.Times.MaxBehind
	edge := p.m.stream.clock.last().Add(-most)
	first := d.w.wall(idx[0])
	late := first.Before(edge)
	if late && p.m.stream.pace.divided(time.Now()) {
		return idx[:1]
	}
	if d.w.sent == nil && !late && d.w.wall(idx[len(idx)-1]).Sub(first) <= most {
		return idx // in order, and as a rule all near
	}
	oldest, newest := first, first
	for k, i := range idx {
		at := d.w.wall(i)
		newest = later(newest, at)
		if at.Before(oldest) {
			oldest = at
		}
		if newest.Sub(oldest) > most || at.Before(edge) != late {
			return idx[:k]
		}
	}
	return idx
}

// remember has the times recalled of what is expected to be written again.
func (d *delivery) remember() {
	open := d.open()
	for k := range d.parcels {
		p := &d.parcels[k]
		p.m.recall.replace(&d.w, p.idx, open, d.sink.cfg.Times.Distinct)
		if open != nil && !p.m.recall.empty() {
			d.sink.mappings.restore(p.m)
		}
	}
}

// open says which entries are worth a retry; nil: none.
func (d *delivery) open() (open []bool) {
	var last error // many failures in a row have it in common
	permanent := false
	for k := range d.failures {
		f := &d.failures[k]
		if f.Err != last {
			last, permanent = f.Err, sink.IsPermanent(f.Err)
		}
		if permanent {
			continue
		}
		if open == nil {
			open = make([]bool, len(d.w.b.Entries))
		}
		open[f.Index] = true
	}
	return open
}
