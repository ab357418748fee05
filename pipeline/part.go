package pipeline

import (
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
