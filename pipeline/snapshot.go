package pipeline

import (
	"sync"

	"github.com/logferry/logferry/batch"
)

// snapshots recycles copies of entry headers, taken before processors run.
type snapshots struct{ pool sync.Pool }

func (s *snapshots) take(e []batch.Entry) *[]batch.Entry {
	c, ok := s.pool.Get().(*[]batch.Entry)
	if !ok {
		c = new([]batch.Entry)
	}
	*c = append((*c)[:0], e...)
	return c
}

// maxSnapshot is the largest copy, in entries, whose memory is kept.
const maxSnapshot = 16 << 10

// give forgets what the copy refers to and keeps its memory, unless it is a
// giant's.
func (s *snapshots) give(c *[]batch.Entry) {
	if cap(*c) > maxSnapshot {
		return
	}
	clear(*c)
	s.pool.Put(c)
}
