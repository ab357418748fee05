package loki

import (
	"sync"
	"time"
)

// A ceiling remembers how large a request may be at a destination that has found one too large, so that each batch does
// not find out anew. That limit is not the tenant's or a stream's: a gateway's, of bodies, or Loki's own, of messages.
type ceiling struct {
	mu    sync.Mutex
	most  int       // bytes; zero: none has been too large
	since time.Time // when most was last changed, or confirmed
}

// regrow is how long a ceiling holds before it is tried whether requests of twice the size are taken again: the limit may
// have been raised, or what was refused compressed badly. One refused request in that time costs next to nothing.
const regrow = 10 * time.Minute

// request returns how large a request may be at now, limit at most.
func (c *ceiling) request(limit int, now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 {
		return limit
	}
	if now.Sub(c.since) >= regrow {
		c.most, c.since = 2*c.most, now
	}
	if c.most >= limit {
		c.most = 0
		return limit
	}
	return c.most
}

// refused notes that a request of size bytes was too large. The ceiling of a sink that may send limit is not lowered for
// ever.
func (c *ceiling) refused(size, limit int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = now
	half := max(size/2, limit>>maxShrink)
	if c.most == 0 || half < c.most {
		c.most = half
	}
}
