package containertest

import (
	"maps"
	"net"
	"time"
)

// Stats are what an engine counts.
type Stats struct {
	Conns    int              // connections that are open
	MaxConns int              // the most that were at once
	Dialled  int              // connections that were ever accepted
	Requests map[Endpoint]int // requests that came, Logs being Follow and Read
	Follows  int              // logs that are being followed
	// MaxFollows is the most that followed the log of any one container at once, as
	// Container.MaxFollows counts it.
	MaxFollows    int
	EventStreams  int // that are open
	SkippedEvents int // that a subscriber did not get since it was slow
	Containers    int // that there are
}

// Stats returns what the engine has counted.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Requests = maps.Clone(s.Requests)
	s.Conns, s.Containers, s.EventStreams = e.front.open(), len(e.byID), len(e.events.subscribers)
	for _, c := range e.order {
		s.MaxFollows = max(s.MaxFollows, c.follows.settle())
	}
	return s
}

// Follows returns how many requests follow the container's log.
func (c *Container) Follows() int {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return len(c.follows.since)
}

// MaxFollows returns the most that followed the container's log at once. A client
// that has closed a stream may open the next before its connection is closed: what
// overlaps by less than 50 ms does not count.
func (c *Container) MaxFollows() int {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.follows.settle()
}

// overlap is for how long two streams overlap at least.
const overlap = 50 * time.Millisecond

// follows are the requests that follow a container's log. The engine's lock guards
// them.
type follows struct {
	since map[*exchange]time.Time // when each began
	most  int
}

// settle counts those that have been there for long enough, which is only ever
// less or the same until one begins or ends.
func (f *follows) settle() int {
	n, now := 0, time.Now()
	for _, since := range f.since {
		if now.Sub(since) >= overlap {
			n++
		}
	}
	f.most = max(f.most, n)
	if f.most == 0 && len(f.since) > 0 {
		f.most = 1
	}
	return f.most
}

func (f *follows) begin(x *exchange) {
	f.settle()
	if f.since == nil {
		f.since = map[*exchange]time.Time{}
	}
	f.since[x] = time.Now()
}

func (f *follows) end(x *exchange) {
	f.settle()
	delete(f.since, x)
}

// following returns the connections on which a log is followed. The engine is
// locked.
func (e *Engine) following() (conns []net.Conn) {
	for x := range e.open {
		if x.endpoints[0] == Follow {
			conns = append(conns, x.conn)
		}
	}
	return conns
}
