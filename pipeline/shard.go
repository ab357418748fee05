package pipeline

import (
	"container/list"
	"time"

	"github.com/logferry/logferry/batch"
)

// A shardKey is a stream, or else the number of a shard that streams share.
type shardKey struct {
	stream batch.Labels
	slot   uint64
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
