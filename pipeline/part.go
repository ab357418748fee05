package pipeline

import (
	"container/list"
	"time"

	"github.com/logferry/logferry/batch"
)

// A part is a run of entries of one source batch that waits in one shard. It
// stands for one reference to that batch.
type part struct {
	b      *batch.Batch
	idx    []int32 // which entries; nil: all
	lo, hi int     // the range of idx, or of b's entries, that is left
	size   int     // bytes of those entries
	each   int     // memory one entry keeps, as the budget counts it
	key    batch.Labels
	at     time.Time // when it arrived
	seq    uint64    // its place among all arrivals at the route
	dead   error     // not nil: for the dead letter, for this reason
}

func (p *part) entries() int { return p.hi - p.lo }

// cost is the memory the part keeps.
func (p *part) cost() int { return p.entries() * p.each }

// mergeInto moves the part's reference into m.
func (p *part) mergeInto(m *batch.Batch) {
	if p.idx != nil {
		m.Merge(p.b, p.idx[p.lo:p.hi])
		return
	}
	m.MergeRange(p.b, p.lo, p.hi)
}

// index is the place in p.b of the part's k-th entry.
func (p *part) index(k int) int { return pick(p.idx, p.lo+k) }

// split cuts off a first part within the limits, of one entry at least, with a
// reference of its own.
func (p *part) split(maxBytes, maxEntries int) part {
	n, size := 0, 0
	for n < p.entries() && n < maxEntries {
		s := p.b.Entries[p.index(n)].Size()
		if n > 0 && size+s > maxBytes {
			break
		}
		size += s
		n++
	}
	n = max(n, 1)
	p.b.Retain(1)
	head := *p
	head.hi, head.size = p.lo+n, size
	p.lo += n
	p.size -= size
	return head
}

// A shard keeps the parts of one stream, or of the streams that share it, in
// order, and has at most one job under way.
type shard struct {
	key     shardKey
	parts   []part
	bytes   int
	entries int
	job     *job // under way or parked
	due     time.Time
	place   int           // in one of the route's heaps, -1: in neither
	ready   *list.Element // in the route's ready list, nil: not in it
	touched bool          // in the route's list of shards to look at
}

func (s *shard) push(p part) {
	s.parts = append(s.parts, p)
	s.bytes += p.size
	s.entries += p.entries()
}

// shift takes the first part out.
func (s *shard) shift() part {
	p := s.parts[0]
	s.parts[0] = part{}
	s.parts = s.parts[1:]
	s.took(p)
	return p
}

func (s *shard) took(p part) {
	s.bytes -= p.size
	s.entries -= p.entries()
}

// cut takes what fits into one batch, one entry at least.
func (s *shard) cut(l batch.Limits) (parts []part) {
	var bytes, entries int
	parts = make([]part, 0, min(len(s.parts), 8))
	for len(s.parts) > 0 && entries < l.MaxEntries {
		p := &s.parts[0]
		if p.dead != nil {
			// For the dead letter: a job of its own.
			if len(parts) == 0 {
				parts = append(parts, s.shift())
			}
			return parts
		}
		if bytes+p.size <= l.MaxBytes && entries+p.entries() <= l.MaxEntries {
			bytes += p.size
			entries += p.entries()
			parts = append(parts, s.shift())
			continue
		}
		room := l.MaxBytes - bytes
		if len(parts) > 0 && p.b.Entries[p.index(0)].Size() > room {
			return parts
		}
		if p.entries() == 1 {
			return append(parts, s.shift())
		}
		head := p.split(room, l.MaxEntries-entries)
		s.took(head)
		return append(parts, head)
	}
	return parts
}

func (s *shard) idle() bool { return s.job == nil && len(s.parts) == 0 }

// full reports whether a batch is worth cutting without waiting longer.
func (s *shard) full(l batch.Limits) bool {
	return s.bytes >= l.MaxBytes || s.entries >= l.MaxEntries || s.parts[0].dead != nil
}
