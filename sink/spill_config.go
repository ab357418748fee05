package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
)

// A SpillConfig configures [Spill]. Dir is required; all else has a default.
type SpillConfig struct {
	// Dir is the folder of the queue, for one process at a time and nothing else. It is made if it is not there, with
	// mode 0700, and its files have 0600: what they hold are log lines. The folder above it must exist.
	Dir string

	// MaxBytes bounds the files of the queue together; zero: 1 GiB. Space for what comes next is taken within it, on
	// Linux and where the file system knows how: a 128th of MaxBytes and 4 MiB at most, or, once more than that waits, an
	// eighth and 64 MiB. What is found damaged is kept beside the files, up to 64 MiB. At least 64 KiB.
	MaxBytes int64
	// MaxAge is how old an entry may be when its turn comes, counted from its Write; older ones are dropped and counted.
	// Zero: any age. While the process runs, steps of the clock do not count; what an earlier process wrote is as old as
	// the clock says.
	MaxAge time.Duration
	// Overflow says what becomes of a Write for which MaxBytes leaves no room.
	Overflow SpillOverflow

	// Direct writes to the destination first, as long as the queue is empty, and to the disk what it does not take. It
	// costs no disk while all is well, and a crash loses nothing that Write has returned nil for; but Write is as slow
	// as the destination. Without it every entry goes through the disk, and Write returns as soon as it is there.
	Direct bool
	// DirectTimeout bounds a direct Write: what is slower is put on the disk. Zero: 5 s.
	DirectTimeout time.Duration

	// MaxInFlight caps concurrent Writes to the destination from the queue; zero: 8 if it wants one stream per batch
	// ([PerStreamer]), else 1. Batches of one stream never overlap.
	MaxInFlight int
	// Shaper says how large these Writes are, up to 1 MiB and 10,000 entries, how many may be under way, up to
	// MaxInFlight, and when; nil: as large and as many as that. It is asked by one goroutine at a time, and belongs to
	// this queue alone: that of a route sees the disk, not the destination. Once it panics it is asked no more.
	Shaper batch.Shaper
	// CloseTimeout is how long Close goes on delivering what is queued, half of the time its ctx leaves at most, and
	// only until the destination first fails, or has all that is left wait; zero: 5 s; negative: not at all. The rest is
	// for the next process.
	CloseTimeout time.Duration

	// DeadLetter takes the entries that the destination refuses for good when the queue writes them: Write has returned
	// long before. Each gets the attribute SpillReason. It is retried like any sink, blocks like any, and is closed with
	// the Spill. Nil: such entries are counted, and OnRefused is told.
	DeadLetter Sink

	// These are told of what is counted in SpillStats, from the tasks of the Spill and from Writes, concurrently. They
	// must not block. What one panics with is dropped: the queue goes on. Nil: nobody is told.
	OnRefused func(entries int, err error)                // refused for good, and not dead-lettered
	OnDropped func(reason SpillDropReason, entries int64) // given up because of MaxAge or Overflow
	OnDamaged func(SpillDamage)                           // found in the folder
}

// SpillReason is the attribute by which an entry in [SpillConfig.DeadLetter] says why it is there: the error's text.
const SpillReason = "dead_letter_reason"

// SpillOverflow is what a full queue does.
type SpillOverflow int

const (
	// SpillBlock refuses a Write with an error that is worth a retry ([ErrSpillFull]), so that the caller waits.
	SpillBlock SpillOverflow = iota
	// SpillDropOldest gives up the oldest entries, an eighth of MaxBytes at a time, but for those that have been read: they
	// are being delivered, or wait with their stream. If there are no others it does as SpillDropNewest.
	SpillDropOldest
	// SpillDropNewest refuses a Write for good: the caller counts its entries as refused, or dead-letters them.
	SpillDropNewest
)

// A SpillDropReason says why entries were given up.
type SpillDropReason string

// The reasons to drop.
const (
	SpillFull    SpillDropReason = "full"    // MaxBytes, with SpillDropOldest or SpillDropNewest
	SpillExpired SpillDropReason = "expired" // MaxAge
)

// Errors of [Spill]. The text of what wraps them names the folder.
var (
	// ErrSpillFull is in the chain of what Write returns when there is no room: worth a retry with SpillBlock, else
	// permanent.
	ErrSpillFull = errors.New("sink: spill is full")
	// ErrSpillLocked is in the chain of what Start returns when another process, or this one, has the folder.
	ErrSpillLocked = errors.New("sink: spill is in use")
	// ErrSpillClosed is in the chain of what is returned before Start and once Close has begun.
	ErrSpillClosed = errors.New("sink: spill is not running")
)

const (
	defaultSpillBytes    = 1 << 30
	leastSpillBytes      = 64 << 10
	spillSegmentBytes    = 64 << 20
	defaultDirectTimeout = 5 * time.Second
	defaultSpillClose    = 5 * time.Second
	// fullWait is when a refused Write is tried again: deliveries free a whole segment at a time.
	fullWait = 250 * time.Millisecond
)

// withDefaults fills in what is zero, for a destination that wants one stream per batch or not.
func (c SpillConfig) withDefaults(perStream bool) SpillConfig {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultSpillBytes
	}
	if c.DirectTimeout == 0 {
		c.DirectTimeout = defaultDirectTimeout
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = defaultSpillClose
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 1
		if perStream {
			c.MaxInFlight = 8
		}
	}
	return c
}

// validate returns one error for every field that is wrong.
func (c *SpillConfig) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sink: Spill: "+format, args...)) }
	if c.Dir == "" {
		bad("Dir: is empty")
	}
	if c.MaxBytes != 0 && c.MaxBytes < leastSpillBytes {
		bad("MaxBytes: %d is less than %d", c.MaxBytes, leastSpillBytes)
	}
	if c.MaxAge < 0 {
		bad("MaxAge: is negative")
	}
	if c.Overflow < SpillBlock || c.Overflow > SpillDropNewest {
		bad("Overflow: there is no %d", c.Overflow)
	}
	if c.DirectTimeout < 0 {
		bad("DirectTimeout: is negative")
	}
	if c.MaxInFlight < 0 {
		bad("MaxInFlight: is negative")
	}
	return errors.Join(errs...)
}

// segmentBytes is how much of the queue is deleted, or dropped, at a time.
func (c *SpillConfig) segmentBytes() int64 { return min(spillSegmentBytes, c.MaxBytes/8) }

// closing returns the ctx of the deliveries that Close waits for.
func (c *SpillConfig) closing(ctx context.Context) (context.Context, context.CancelFunc) {
	wait := c.CloseTimeout
	if at, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(at)/2)
	}
	return context.WithTimeout(ctx, max(wait, 0))
}
