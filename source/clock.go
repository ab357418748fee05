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
	last time.Time
}

// stamp gives a time to each entry of b that has none. It holds the lock for
// the whole batch: the times of a batch are in one piece.
func (c *Clock) stamp(b *batch.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var now time.Time
	for i := range b.Entries {
		e := &b.Entries[i]
		if !e.Time.IsZero() {
			continue
		}
		if now.IsZero() {
			now = time.Now().Round(0) // without the monotonic reading: it is written down, not measured with
		}
		if !now.After(c.last) {
			now = c.last.Add(1)
		}
		e.Time, c.last = now, now
	}
}
