package batch

import (
	"fmt"
	"time"
)

// Limits say when a route cuts what it has gathered into a batch and sends it:
// at MaxBytes, at MaxEntries or when the oldest entry has waited MaxWait,
// whichever comes first.
type Limits struct {
	MaxBytes   int           // bytes of lines and attributes; a larger single entry goes alone
	MaxEntries int           // entries
	MaxWait    time.Duration // how long the first entry may wait for company; negative: not at all
	InFlight   int           // concurrent Writes the shaper allows; zero: as many as the route does
	Pause      time.Duration // how long from State.Now no Write may begin; zero: one may at once
	Timeout    time.Duration // what a Write that begins now is given to return; zero: as long as it likes
}

// defaultLimits are what [Fixed] puts in place of zeros: 1 MiB, 10,000 entries
// and 200 ms.
var defaultLimits = Limits{MaxBytes: 1 << 20, MaxEntries: 10_000, MaxWait: 200 * time.Millisecond}

// A State is what a route sees when it asks a [Shaper] for limits.
type State struct {
	Now      time.Time
	InFlight int           // Writes running
	Backlog  int           // bytes gathered, not yet handed to the sink
	Oldest   time.Duration // how long the oldest gathered entry has waited
	Begun    int64         // bytes of all Writes begun so far, those that send something again included
}

// An Outcome is what came of one Write.
type Outcome struct {
	Entries, Bytes int           // of the batch written
	InFlight       int           // Writes running when it began, itself included
	Took           time.Duration // from call to return
	Err            error         // what it returned
	Class          Class         // what that says about the destination
	RetryAfter     time.Duration // how long the destination asked to be left alone; zero: it did not
	Now            time.Time     // when it returned
}

// A Shaper decides how large batches grow and how many are under way. A route
// asks it before each Write and tells it the outcome of every one, always from
// one goroutine at a time, which does nothing else meanwhile: neither method may
// wait for anything. A Shaper that learns is a pointer, and serves one route:
// pipeline.New refuses a pointer that is given to two. One that is a value is
// taken for what its type says, and may be called by several routes at once.
type Shaper interface {
	Limits(State) Limits
	Observe(Outcome)
}

// Fixed returns a Shaper that always answers l, with zeros replaced: 1 MiB,
// 10,000 entries, 200 ms, no limit of its own on Writes in flight. It may be
// shared by routes. Nothing would ever be written with a Pause: pipeline.New
// refuses it.
func Fixed(l Limits) Shaper {
	if l.MaxBytes <= 0 {
		l.MaxBytes = defaultLimits.MaxBytes
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = defaultLimits.MaxEntries
	}
	if l.MaxWait == 0 {
		l.MaxWait = defaultLimits.MaxWait
	}
	return fixed(l)
}

type fixed Limits

func (f fixed) Limits(State) Limits { return Limits(f) }
func (f fixed) Observe(Outcome)     {}

// Validate is for pipeline.New.
func (f fixed) Validate() error {
	if f.Pause > 0 {
		return fmt.Errorf("batch: Fixed: Limits.Pause: %v has no end: no Write would ever begin", f.Pause)
	}
	return nil
}
