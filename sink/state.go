package sink

import (
	"strconv"
	"sync"
	"sync/atomic"
)

// State is the state of a [Breaker].
type State int

// The states of a breaker.
const (
	Closed   State = iota // Writes go through
	HalfOpen              // one at a time does
	Open                  // none does
)

// String returns "closed", "half-open" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	default:
		return "State(" + strconv.Itoa(int(s)) + ")"
	}
}

type change struct{ from, to State }

// changes hands changes of state on outside of the lock under which they happen, one at a time and in order.
type changes struct {
	tell func(from, to State) // nil: nobody
	some atomic.Bool          // list is not empty: spares every Write the lock

	mu      sync.Mutex
	list    []change
	telling bool
}

// add is called with the gate's lock held.
func (c *changes) add(ch change) {
	if c.tell == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, ch)
	c.some.Store(true)
}

// announce tells what there is to tell, unless somebody is at it: then that one tells this too.
func (c *changes) announce() {
	if !c.some.Load() {
		return
	}
	if !c.begin() {
		return
	}
	over := false
	defer func() {
		if !over { // tell panicked
			c.end()
		}
	}()
	for {
		ch, ok := c.take()
		if !ok {
			over = true
			return
		}
		c.tell(ch.from, ch.to)
	}
}

func (c *changes) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.telling {
		return false
	}
	c.telling = true
	return true
}

func (c *changes) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telling = false
}

// take returns the oldest change, or ends the telling in the same breath: a change that is added later finds nobody at
// it.
func (c *changes) take() (change, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		c.telling = false
		c.some.Store(false)
		return change{}, false
	}
	ch := c.list[0]
	c.list = c.list[1:]
	return ch, true
}
