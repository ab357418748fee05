package source

import (
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Clock gives times to entries that have none: the present, or one nanosecond
// more than the time it gave before, whichever is later. One Clock serves a
// whole pipeline, so that equal lines of one label set never bear the same
// nanosecond, whichever stream they were read from: Loki stores such lines
// once. The zero Clock is ready for use. Safe for concurrent use.
type Clock struct {
	mu   sync.Mutex
	last int64 // nanoseconds since 1970
}

// stamp gives a time to each entry of b that has none. It holds the lock for
// the whole batch: the times of a batch are in one piece.
func (c *Clock) stamp(b *batch.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Kept in two parts: to divide, or to add Durations, would be most of the cost.
	var sec, nsec int64
	for i := range b.Entries {
		e := &b.Entries[i]
		if !e.Time.IsZero() {
			continue
		}
		if sec == 0 {
			now := max(time.Now().UnixNano(), c.last+1)
			sec, nsec = now/1e9, now%1e9
		} else if nsec++; nsec == 1e9 {
			sec, nsec = sec+1, 0
		}
		e.Time = time.Unix(sec, nsec)
	}
	if sec != 0 {
		c.last = sec*1e9 + nsec
	}
}
