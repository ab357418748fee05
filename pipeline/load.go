package pipeline

import "github.com/logferry/logferry/batch"

// A load is what goes into one batch, as far as the limits allow.
type load struct {
	limits  batch.Limits
	parts   []part
	bytes   int
	entries int
}

// take moves what fits of the first part of s into the load, one entry at least
// if that is empty. It returns false if no more fits, or may be with it.
func (o *load) take(s *shard) (more bool) {
	p := &s.parts[0]
	if p.dead != nil {
		// For the dead letter: a batch of its own.
		if len(o.parts) == 0 {
			o.add(s.shift())
		}
		return false
	}
	if o.entries >= o.limits.MaxEntries {
		return false
	}
	if o.bytes+p.size <= o.limits.MaxBytes && o.entries+p.entries() <= o.limits.MaxEntries {
		o.add(s.shift())
		return true
	}
	room := o.limits.MaxBytes - o.bytes
	if len(o.parts) > 0 && p.b.Entries[p.index(0)].Size() > room {
		return false
	}
	if p.entries() == 1 {
		o.add(s.shift())
		return false
	}
	head := p.split(room, o.limits.MaxEntries-o.entries)
	s.took(head)
	o.add(head)
	return false
}

func (o *load) add(p part) {
	o.parts = append(o.parts, p)
	o.bytes += p.size
	o.entries += p.entries()
}
