package pipeline

import (
	"github.com/logferry/logferry/batch"
)

// sampleOneIn is how many entries Sample lets go for each one it takes.
const sampleOneIn = 10

// accept applies the route's overflow policy to a part that has arrived. It
// returns false if nothing of the part is left; it may take entries out of it.
func (r *route) accept(p *part) bool {
	limit := r.cfg.BufferBytes
	switch r.cfg.Overflow {
	case DropOldest:
		for r.held > 0 && r.held+p.cost() > limit {
			if !r.dropOldest() { // all that is left is parked
				r.overflowed(p)
				return false
			}
		}
	case DropNewest:
		// What nothing waits before is taken, however large.
		if r.held > 0 && r.held+p.cost() > limit {
			r.overflowed(p)
			return false
		}
	case Sample:
		if r.held+p.cost() > limit/2 {
			return r.sample(p)
		}
	}
	return true
}

// dropOldest drops the part that has waited longest. It returns false if there
// is none.
func (r *route) dropOldest() bool {
	s := r.arrivals.front()
	if s == nil {
		return false
	}
	old := s.shift()
	r.took(&old)
	if s.at >= 0 {
		r.free.add(-old.size, -old.entries())
	}
	r.overflowed(&old)
	r.settled(s)
	return true
}

// settled puts a shard right that has just lost its first part.
func (r *route) settled(s *shard) {
	if len(s.parts) > 0 {
		r.touch(s)
		return
	}
	r.unlinger(s)
	if s.ready != nil {
		r.ready.Remove(s.ready)
		s.ready = nil
	}
	if s.idle() {
		delete(r.shards, s.key)
	}
}

// sample keeps every tenth entry, and none once the buffer is full.
func (r *route) sample(p *part) bool {
	cost := p.cost() // of the whole: its memory is kept for one entry as for all
	if r.held > 0 && r.held+cost > r.cfg.BufferBytes {
		r.overflowed(p)
		return false
	}
	var keep []int32
	size := 0
	for k := range p.entries() {
		i := p.index(k)
		r.sampled++
		if r.sampled%sampleOneIn == 0 {
			keep = append(keep, int32(i))
			size += p.b.Entries[i].Size()
			continue
		}
		markOrigin(p.b, i, DroppedSampled)
	}
	dropped := p.entries() - len(keep)
	r.ledger.leave(DroppedSampled, dropped)
	r.dropped(DroppedSampled, dropped)
	if len(keep) == 0 {
		p.b.Settle(nil)
		return false
	}
	p.idx, p.lo, p.hi, p.size = keep, 0, len(keep), size
	p.each = cost / len(keep)
	return true
}

// overflowed drops a whole part.
func (r *route) overflowed(p *part) {
	for k := range p.entries() {
		markOrigin(p.b, p.index(k), DroppedOverflow)
	}
	r.ledger.leave(DroppedOverflow, p.entries())
	r.dropped(DroppedOverflow, p.entries())
	p.b.Settle(nil)
}

// copyBytes is about what a copy takes beside its lines and headers.
const copyBytes = 512

// cloneParts replaces parts of a source batch by copies, which a best-effort
// route may keep or drop without anybody waiting for it.
func (r *route) cloneParts(parts []part) []part {
	for i := range parts {
		p := &parts[i]
		c := batch.New(&r.engine.pool, p.b.Labels)
		c.Grow(p.entries())
		for k := range p.entries() {
			e := &p.b.Entries[p.index(k)]
			c.Append(e.Time, e.Line, e.Attrs...)
			c.Entries[k].Labels = e.Labels
		}
		f := new(flight)
		r.engine.copies.add(f)
		c.OnSettled(func(err error) { r.engine.copies.remove(f, err != nil) })
		p.b, p.idx, p.lo, p.hi = c, nil, 0, len(c.Entries)
		p.each = (c.Memory()+copyBytes)/p.hi + 2*batch.HeaderBytes
	}
	return parts
}
