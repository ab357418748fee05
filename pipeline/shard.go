package pipeline

import (
	"container/list"

	"github.com/logferry/logferry/batch"
)

// A shard keeps the parts of one stream in order, and has entries in one job at
// most.
type shard struct {
	key     batch.Labels
	parts   []part
	bytes   int
	entries int
	job     *job          // under way or to be repeated
	turn    uint64        // of its first part, when it was last put among those that linger
	at      int           // its place among them, -1: it is not
	ready   *list.Element // in the route's ready list, nil: not in it
	touched bool          // in the route's list of shards to look at
	stays   bool          // of use to slim alone
}

func (s *shard) before(o *shard) bool { return s.turn < o.turn }
func (s *shard) place() int           { return s.at }
func (s *shard) moved(to int)         { s.at = to }

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

func (s *shard) idle() bool { return s.job == nil && len(s.parts) == 0 }

// full reports whether a batch is worth cutting without waiting longer.
func (s *shard) full(l batch.Limits) bool {
	return s.bytes >= l.MaxBytes || s.entries >= l.MaxEntries || s.parts[0].dead != nil
}
