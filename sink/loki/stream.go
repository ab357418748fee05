package loki

import "sync/atomic"

// A stream is what the sink remembers of one stream of a Loki.
type stream struct {
	limits limits
	clock  clock
	pace   pace
	shared atomic.Bool // by several mappings
}

// limits remember how often in a row Loki's rate limits have refused a stream, so that a request that is larger than
// the burst they allow, which never gets through however long one waits, is made smaller.
type limits struct{ refusals atomic.Int32 }

const (
	// patience is how many refusals are put down to the traffic rather than to the size of the request.
	patience = 3
	// maxShrink is how often the size is halved then.
	maxShrink = 10
)

// request returns how large a request may be now.
func (l *limits) request(most int) int {
	return most >> min(max(l.refusals.Load()-patience, 0), maxShrink)
}

func (l *limits) refused() {
	if n := l.refusals.Load(); n < patience+maxShrink {
		l.refusals.CompareAndSwap(n, n+1)
	}
}

// accepted lets requests grow again, gradually: the size that got through is near the one that does.
func (l *limits) accepted() {
	if n := l.refusals.Load(); n > 0 {
		l.refusals.CompareAndSwap(n, n-1)
	}
}

// exhausted reports whether the smallest requests have been refused, too.
func (l *limits) exhausted() bool { return l.refusals.Load() >= patience+maxShrink }
