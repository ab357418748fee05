package containertest

import (
	"errors"
	"sync"
	"time"
)

// ErrDown is returned where an engine that is down is asked for something.
var ErrDown = errors.New("containertest: the engine is down")

// A Config sets up an Engine. The zero value works.
type Config struct {
	// Generation is the kind of engine. Default: the newest.
	Generation Generation
	// ReadAhead is how many messages the engine reads of a log before the client has
	// taken them. Default: 4096, as real ones.
	ReadAhead int
	// Buffer is how many bytes a connection of Dial holds in each direction.
	// Default: 64 KiB.
	Buffer int
	// Resolution is that of the engine's clock, in which several messages of a log
	// may have one time. Default: a nanosecond, and no two messages have the same.
	Resolution time.Duration
	// Zone is where the engine is. Those before 23.0 stamp the logs of the driver
	// local with its time. Default: UTC.
	Zone *time.Location
}

func (c Config) withDefaults() Config {
	if c.ReadAhead == 0 {
		c.ReadAhead = 4096
	}
	if c.Buffer == 0 {
		c.Buffer = 64 << 10
	}
	return c
}

// An Engine is one within this process. All its methods may be called
// concurrently, and return soon unless they say otherwise.
type Engine struct {
	config Config
	front  *front

	// mu guards all that follows, and all of the containers, their logs and who reads
	// them. Nothing waits while it is held.
	mu     sync.Mutex
	down   bool
	later  []func() // what containers did while it was down
	skew   time.Duration
	latest time.Time // that stamp gave
	made   int       // containers so far
	byID   map[string]*Container
	byName map[string]*Container
	order  []*Container // as they were created
	events events
	faults faults
	open   map[*exchange]bool // the requests that are being answered
	stats  Stats
}

// New starts an engine without containers. Call Close in the end. In a
// testing/synctest bubble it is made within the bubble.
func New(c Config) *Engine {
	e := &Engine{config: c.withDefaults(), byID: map[string]*Container{}, byName: map[string]*Container{},
		open: map[*exchange]bool{}}
	e.stats.Requests = map[Endpoint]int{}
	e.front = newFront(e)
	return e
}

// Close ends all connections, waits until they have ended, and with them all that
// the engine started. It may be called again.
func (e *Engine) Close() { e.front.close() }

// Now is the engine's time.
func (e *Engine) Now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now()
}

func (e *Engine) now() time.Time { return time.Now().Add(e.skew).UTC().Round(0) }

// stamp is the time of a message.
func (e *Engine) stamp() time.Time {
	now := e.now()
	if e.config.Resolution > 0 {
		return now.Truncate(e.config.Resolution)
	}
	if !now.After(e.latest) {
		now = e.latest.Add(1)
	}
	e.latest = now
	return now
}

// StepClock sets the engine's clock forward, or back if by is negative, so that
// the times of its logs and events do not rise any more.
func (e *Engine) StepClock(by time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.skew += by
	e.latest = time.Time{}
}

// Container finds a container by its name, its id or a beginning of it that no
// other has; nil if there is none.
func (e *Engine) Container(name string) *Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.find(name)
}

func (e *Engine) find(name string) *Container {
	if c := e.byID[name]; c != nil {
		return c
	}
	if c := e.byName[name]; c != nil {
		return c
	}
	var found *Container
	for _, c := range e.order {
		if name != "" && len(name) < len(c.id) && c.id[:len(name)] == name {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}

// Down takes the engine down: every connection is cut, new ones are refused, and
// the events it has kept are forgotten. With liveRestore the containers go on, and
// what they do is noticed when it is up again. Without, they are stopped before,
// so that what follows their logs ends in order; Down waits for that, for a
// second at most.
func (e *Engine) Down(liveRestore bool) {
	e.mu.Lock()
	if e.down {
		e.mu.Unlock()
		return
	}
	e.down = true
	if !liveRestore {
		for _, c := range e.order {
			c.try("stop", c.stop, running, paused)
		}
	}
	e.events.forget()
	following := e.following()
	e.mu.Unlock()
	if !liveRestore {
		e.front.drain(following, time.Second)
	}
	e.front.cut()
}

// Up ends Down.
func (e *Engine) Up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = false
	for _, happen := range e.later {
		happen()
	}
	e.later = nil
}

// Restart takes the engine down, waits, and lets it come up again.
func (e *Engine) Restart(liveRestore bool, gone time.Duration) {
	e.Down(liveRestore)
	time.Sleep(gone)
	e.Up()
}
