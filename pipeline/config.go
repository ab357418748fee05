package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// Config says what a pipeline is made of. Only Routes must be set; every other
// zero has a default that is right for most services.
type Config struct {
	// Sources by name. A name is the first part of the checkpoint keys of its
	// streams, so it must stay the same from start to start; it holds no slash.
	// More can be added later with [Engine.Add].
	Sources map[string]source.Source
	// Processors see every batch, in order, before it is routed.
	Processors []Processor
	// Routes each get every entry their Match accepts.
	Routes []Route

	// Checkpoints keep the cursors; nil: in memory, so that a new process
	// begins anew.
	Checkpoints source.Checkpoints
	// CheckpointEvery is how often cursors that moved are saved: 250 ms.
	CheckpointEvery time.Duration

	// MaxInFlightBytes bounds the memory of what has been read and has not
	// settled: 32 MiB. Half of it is divided among the sources in equal
	// guaranteed shares, half goes to whoever needs it. A source is always
	// granted one batch, however large; and one that is added while others use
	// what is now its guarantee has it all the same, so that the bound may be
	// exceeded by a half until they have given it back.
	MaxInFlightBytes int

	// Grace is the end of Close's time that is kept back for sinks to return
	// after their Writes have been cancelled: 500 ms, but at most a quarter of
	// the time there is.
	Grace time.Duration
	// CloseTimeout bounds the Close at the end of [Engine.Run], and how long a
	// Close without a deadline waits for best-effort routes: 30 s.
	CloseTimeout time.Duration
	// Restart says how soon a source that failed is run again: after 1 s,
	// doubling to 1 min, without end.
	Restart lifecycle.Restart

	// Logger is told of everything that wants attention; nil: nobody is. It is
	// called from a task of its own, through a bounded queue: a handler that
	// blocks loses messages, and delays nothing but Close.
	Logger *slog.Logger
	Hooks  Hooks
}

// A Route takes entries to one sink. Its fields are read once, by [New].
type Route struct {
	// Name is the route's key in Stats; "" means "route" and its number, from 0.
	Name string
	// Sink may be shared with other routes and dead letters: it is started and
	// closed once, whatever sink.Retry each puts around it. Other decorators
	// around one Sink are Sinks of their own, and each would close it.
	Sink sink.Sink
	// Shaper decides how large batches are, how long entries wait for company
	// and how many Writes run at once; nil: batch.NewAdaptive, which finds out.
	// batch.Fixed is for who knows. One that is a pointer serves one route. If
	// it has a method Validate that returns an error, [New] asks it.
	Shaper batch.Shaper
	// Match says which entries take this route; nil: all. It is called
	// concurrently, sees the entry with its labels filled in, and changes
	// nothing. A Match that panics fails the batch as a Processor would.
	Match func(*batch.Entry) bool

	// MaxInFlight caps concurrent Writes; how many there are of them is up to
	// the Shaper. It is 32 if the sink says how entries are to share batches
	// (sink.PerStreamer, whatever that returns), else 1: who wrote a function
	// may not have thought of two calls at once, and who has sets this.
	// Batches of one stream never overlap, so a stream stays in order whatever
	// the number.
	MaxInFlight int

	// Overflow says what happens when the sink is slower than the sources.
	Overflow Overflow
	// BufferBytes is how much memory may wait on this route before Overflow
	// drops, counted as MaxInFlightBytes counts it. What is being written, or
	// waits for that to be repeated, comes on top: twice as much at most, so
	// that a sink that never answers holds no more than that. 4 MiB, or an
	// eighth of MaxInFlightBytes if that is less: all of it together stays
	// within the half of the budget that is lent, and no source waits for this
	// route. It means nothing under Block.
	BufferBytes int
	// BestEffort gives the route copies of its own: it may drop them, it never
	// delays an acknowledgement, and what it does with them is no part of a
	// source's account. Its Overflow Block means DropOldest.
	BestEffort bool

	// DeadLetter takes the entries the sink refuses for good, each with the
	// attributes DeadLetterReason and DeadLetterRoute. It is retried like any
	// sink, and blocks like any. Nil: such entries are counted and dropped.
	DeadLetter sink.Sink
}

// Overflow is what a route does with entries its buffer has no room for.
type Overflow int

const (
	// Block makes the sources wait: nothing is lost, and a sink that is down
	// stops every source with entries for it.
	Block Overflow = iota
	// DropOldest drops what has waited longest.
	DropOldest
	// DropNewest drops what has just arrived.
	DropNewest
	// Sample takes one entry in ten while more than half of the buffer is used,
	// and none while it is full.
	Sample
)

// Attributes of an entry that goes to a dead letter.
const (
	DeadLetterReason = "dead_letter_reason" // the error's text
	DeadLetterRoute  = "dead_letter_route"  // the route's name
)

// Hooks are told of events, each from the goroutine in which it happens and
// with no lock held. They must be quick, must not call Flush or Close, and must
// not panic: a panic is caught and logged. Nil ones are skipped.
type Hooks struct {
	// SourceFailed: a source returned err and is run again after wait; a
	// negative wait means never.
	SourceFailed func(source string, err error, wait time.Duration)
	// WriteFailed: a Write on route returned err and is repeated after wait, which
	// is zero for one that was too large and goes in pieces.
	WriteFailed func(route string, err error, wait time.Duration)
	// Dropped: n entries were dropped. Route is "" if it was before routing:
	// the reason may then be one that a processor gave.
	Dropped func(route, reason string, n int)
	// DeadLettered: n entries were taken by a dead letter.
	DeadLettered func(route string, n int)
	// CheckpointFailed: saving cursors failed; it is tried again.
	CheckpointFailed func(err error)
}

// withDefaults is the one place where zeros get their meaning.
func (c Config) withDefaults() Config {
	def(&c.CheckpointEvery, 250*time.Millisecond)
	def(&c.MaxInFlightBytes, 32<<20)
	def(&c.Grace, 500*time.Millisecond)
	def(&c.CloseTimeout, 30*time.Second)
	if c.Restart == (lifecycle.Restart{}) {
		c.Restart = lifecycle.Restart{Min: time.Second, Max: time.Minute}
	}
	routes := make([]Route, len(c.Routes))
	for i, r := range c.Routes {
		routes[i] = r.withDefaults(i, c.MaxInFlightBytes)
	}
	c.Routes = routes
	return c
}

func (r Route) withDefaults(i, budget int) Route {
	if r.Name == "" {
		r.Name = fmt.Sprintf("route%d", i)
	}
	if r.Shaper == nil {
		r.Shaper = batch.NewAdaptive(batch.AdaptiveConfig{})
	}
	def(&r.BufferBytes, max(1, min(4<<20, budget/8)))
	if r.BestEffort && r.Overflow == Block {
		r.Overflow = DropOldest
	}
	return r
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A grouping is how the sink of a route wants entries to share batches.
type grouping struct {
	perStream bool
	namer     sink.StreamNamer // nil: entries of one stream have the same labels
}

// askSinks asks each route's sink, once, whether it wants one stream per batch.
// A sink that is a nil pointer panics when asked.
func (c *Config) askSinks() (groupings []grouping, errs []error) {
	groupings = make([]grouping, len(c.Routes))
	for i := range c.Routes {
		r, g := &c.Routes[i], &groupings[i]
		writes := 1
		err := guard("PerStream", func() error {
			if r.Sink == nil {
				return nil
			}
			p, ok := sink.Find[sink.PerStreamer](r.Sink)
			if !ok {
				return nil
			}
			writes = 32
			if p.PerStream() {
				g.perStream = true
				g.namer, _ = p.(sink.StreamNamer)
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("pipeline: Routes[%d] (%s): Sink: %w", i, r.Name, err))
		}
		def(&r.MaxInFlight, writes)
	}
	return groupings, errs
}

// validate returns one error for every field that is wrong.
func (c *Config) validate() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("pipeline: "+format, args...)) }
	for name, s := range c.Sources {
		if err := checkSource(name, s); err != nil {
			errs = append(errs, err)
		}
	}
	for i, p := range c.Processors {
		if p == nil {
			bad("Processors[%d]: is nil", i)
		}
	}
	if len(c.Routes) == 0 {
		bad("Routes: there is none; want at least one")
	}
	seen, shapers := map[string]int{}, map[batch.Shaper]int{}
	for i := range c.Routes {
		r := &c.Routes[i]
		if j, dup := seen[r.Name]; dup {
			bad("Routes[%d].Name: %q is the name of Routes[%d] too", i, r.Name, j)
		}
		seen[r.Name] = i
		if keepsState(r.Shaper) {
			if j, dup := shapers[r.Shaper]; dup {
				bad("Routes[%d] (%s): Shaper: is that of Routes[%d] too: a %T serves one route", i, r.Name, j, r.Shaper)
			}
			shapers[r.Shaper] = i
		}
		errs = append(errs, r.validate(i)...)
	}
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"CheckpointEvery", int64(c.CheckpointEvery)}, {"MaxInFlightBytes", int64(c.MaxInFlightBytes)},
		{"Grace", int64(c.Grace)}, {"CloseTimeout", int64(c.CloseTimeout)},
	} {
		if f.v < 0 {
			bad("%s: is negative", f.name)
		}
	}
	return errs
}

// keepsState reports whether s may remember what it is told: it is a pointer, and
// not to a type without fields. Two routes would call it at once, each from a
// goroutine of its own, and mix what it learns of one with the other.
func keepsState(s batch.Shaper) bool {
	t := reflect.TypeOf(s)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Size() > 0
}

func (r *Route) validate(i int) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("pipeline: Routes[%d] (%s): "+format, append([]any{i, r.Name}, args...)...))
	}
	if r.Sink == nil {
		bad("Sink: is nil")
	}
	if v, ok := r.Shaper.(interface{ Validate() error }); ok {
		if err := guard("Shaper", v.Validate); err != nil {
			bad("Shaper: %w", err)
		}
	}
	if r.MaxInFlight < 0 {
		bad("MaxInFlight: is negative")
	}
	if r.BufferBytes < 0 {
		bad("BufferBytes: is negative")
	}
	if r.Overflow < Block || r.Overflow > Sample {
		bad("Overflow: %d is none of Block, DropOldest, DropNewest, Sample", r.Overflow)
	}
	return errs
}

func checkSource(name string, s source.Source) error {
	switch {
	case name == "":
		return errors.New("pipeline: Sources: a name is empty")
	case strings.Contains(name, "/"):
		return fmt.Errorf("pipeline: Sources[%q]: the name holds a slash", name)
	case s == nil:
		return fmt.Errorf("pipeline: Sources[%q]: is nil", name)
	}
	return nil
}
