package pipeline

import (
	"maps"
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Stats is the ledger at one instant. Each source's figures are taken
// together, and so are each route's, so that the sums close in every snapshot.
// The caller owns it.
type Stats struct {
	Sources map[string]SourceStats
	Routes  map[string]RouteStats

	InFlightBytes    int   // of the byte budget
	MaxInFlightBytes int   // the budget
	UnsavedCursors   int   // cursors that moved since the last save
	CheckpointError  error // of the last save; nil: it went well
	LogDropped       int64 // messages the Logger was too slow for
}

// SourceStats count the entries of one source since Start. At every instant
//
//	Read + Added = Delivered + sum(Dropped) + DeadLettered + Undelivered + InFlight
type SourceStats struct {
	Read         int64            // given to Send, with what the source had dropped of a batch before
	Added        int64            // by processors: the net gain of each over a batch, beside what it dropped for a reason
	Delivered    int64            // settled by every route that is not best effort
	Dropped      map[string]int64 // by reason: a Dropped constant, or what was given to batch.Batch.Drop
	DeadLettered int64            // taken by a dead letter
	Undelivered  int64            // given back: their cursor has not moved, they are read again
	InFlight     int64            // none of these yet

	Running   bool  // the source's task is alive
	Restarts  int   // how often it failed and was run again
	LastError error // the last failure
}

// RouteStats count the entries of one route since Start. At every instant
//
//	Routed = Delivered + sum(Dropped) + DeadLettered + Undelivered + InFlight
type RouteStats struct {
	Routed       int64
	Delivered    int64
	Dropped      map[string]int64
	DeadLettered int64
	Undelivered  int64
	InFlight     int64

	Batches   int64      // Writes that ended well
	Retries   int64      // Writes that were repeated
	Bytes     int64      // of lines and attributes delivered
	Writing   int        // Writes running
	Parked    int        // batches that wait for a Write to be repeated
	Breaker   sink.State // of the sink's breaker, if it has one
	LastError error      // of the last Write that failed

	// Limits are what the Shaper said last, with zeros and what is more than
	// MaxInFlight replaced; all zero before Start.
	Limits batch.Limits
}

// Reasons an entry is dropped for. Processors have more of their own, which they
// give to [batch.Batch.Drop].
const (
	DroppedFiltered   = "filtered"    // by a processor that gave no reason: its net loss over a batch
	DroppedProcessor  = "processor"   // a Processor or a Match failed, and there is no dead letter, or a Concealer failed too
	DroppedUnrouted   = "unrouted"    // no route matched
	DroppedRefused    = "refused"     // the sink refused it for good, and there is no dead letter
	DroppedDeadLetter = "dead_letter" // the dead letter refused it for good
	DroppedOverflow   = "overflow"    // the route had no room for it, and its Overflow policy chose it
	DroppedSampled    = "sampled"     // by Sample, while there still was room
)

// maxReasons bounds the columns of a ledger, should a processor make a reason of
// what it read.
const maxReasons = 100

// A ledger is what a source's and a route's account have in common. Every
// change moves entries from one column to another under the lock.
type ledger struct {
	mu sync.Mutex
	tally
}

type tally struct {
	in, added, delivered, dead, undelivered, inFlight int64
	dropped                                           map[string]int64
}

func (t *tally) drop(reason string, n int) {
	if n == 0 {
		return
	}
	if t.dropped == nil {
		t.dropped = map[string]int64{}
	}
	t.dropped[reason] += int64(n)
}

func (t *tally) copy() tally {
	c := *t
	c.dropped = maps.Clone(t.dropped)
	return c
}

// enter counts n entries in.
func (l *ledger) enter(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in += int64(n)
	l.inFlight += int64(n)
}

// add counts n entries that a processor made.
func (l *ledger) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added += int64(n)
	l.inFlight += int64(n)
}

// leave counts n entries out of flight as dropped.
func (l *ledger) leave(reason string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight -= int64(n)
	l.drop(reason, n)
}

// column is the reason itself, or that of all others if there are too many.
func (l *ledger) column(reason string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.dropped[reason]; known || len(l.dropped) < maxReasons {
		return reason
	}
	return DroppedFiltered
}

// A fate is what became of an entry that was not simply delivered. The worst of
// several is the one that counts: dropped is worse than dead-lettered.
type fate string

const fateDead fate = "" // any other is the reason of a drop

func worse(a, b fate) fate {
	if a == fateDead {
		return b
	}
	return a
}

// settle counts n entries out of flight. Those in fates had another fate than
// delivery.
func (l *ledger) settle(n int, fates map[int32]fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight -= int64(n)
	l.delivered += int64(n - len(fates))
	for _, f := range fates {
		if f == fateDead {
			l.dead++
		} else {
			l.drop(string(f), 1)
		}
	}
}

// giveBack counts n entries out of flight as undelivered.
func (l *ledger) giveBack(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight -= int64(n)
	l.undelivered += int64(n)
}

func (l *ledger) snapshot() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.copy()
}

// Stats is a snapshot of the ledger.
func (e *Engine) Stats() Stats {
	st := Stats{
		Sources:          map[string]SourceStats{},
		Routes:           map[string]RouteStats{},
		InFlightBytes:    e.budget.inUse(),
		MaxInFlightBytes: e.cfg.MaxInFlightBytes,
		CheckpointError:  e.saving.get(),
		LogDropped:       e.log.dropped.Load(),
	}
	if s := e.cursors(); s != nil {
		st.UnsavedCursors = s.Unsaved()
	}
	alive := e.alive()
	for name, f := range e.feedsByName() {
		st.Sources[name] = f.stats(alive[name])
	}
	for _, r := range e.routes {
		st.Routes[r.cfg.Name] = r.stats()
	}
	return st
}

func (f *feed) stats(running bool) SourceStats {
	t, s := f.in.ledger.snapshot(), f.status.get()
	return SourceStats{
		Read: t.in, Added: t.added, Delivered: t.delivered, Dropped: t.dropped, DeadLettered: t.dead,
		Undelivered: t.undelivered, InFlight: t.inFlight,
		Running: running, Restarts: s.restarts, LastError: s.err,
	}
}

func (r *route) stats() RouteStats {
	t := r.ledger.snapshot()
	breaker := r.breaker() // before the lock: it may call the host, who may call Stats
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	return RouteStats{
		Routed: t.in, Delivered: t.delivered, Dropped: t.dropped, DeadLettered: t.dead,
		Undelivered: t.undelivered, InFlight: t.inFlight,
		Batches: r.status.batches, Retries: r.status.retries, Bytes: r.status.bytes,
		Writing: r.status.writing, Parked: r.status.parked, Breaker: breaker, LastError: r.status.err, Limits: r.status.limits,
	}
}

// breaker is the state of the sink's breaker, closed if it has none.
func (r *route) breaker() (state sink.State) {
	guard("sink", func() error {
		if b, ok := sink.Find[sink.BreakerStater](r.cfg.Sink); ok {
			state = b.BreakerState()
		}
		return nil
	})
	return state
}
