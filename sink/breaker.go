package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
)

// A BreakerConfig configures [Breaker]. The zero BreakerConfig works.
type BreakerConfig struct {
	Failures int // so many in a row open the breaker; zero: 5

	// OpenFor is how long it refuses before it tries again, and twice as long each time in a row that the try fails, up
	// to MaxOpenFor. Zero: 0.5 s and 5 s. MaxOpenFor is never less than OpenFor. A destination that blinks costs half a
	// second then, and one that is away is asked every five.
	OpenFor, MaxOpenFor time.Duration
	Jitter              float64 // as in [RetryConfig]: at most so much of that time is added to it; zero: 0.3; negative: nothing

	// ProbeTimeout bounds what a Write that tries again is given: five times what a Write that succeeded took of late and
	// a second at least, twice as much each time in a row that this was not enough, or ProbeTimeout if none succeeded so
	// far. Zero: 10 s.
	ProbeTimeout time.Duration

	// OnState is told of every change of state, in order and one at a time, from the goroutine of a Write or of
	// BreakerState, with no lock held: it may call BreakerState but must not block. nil: nobody is told.
	OnState func(from, to State)
}

func (c BreakerConfig) withDefaults() BreakerConfig {
	if c.Failures <= 0 {
		c.Failures = 5
	}
	if c.OpenFor <= 0 {
		c.OpenFor = 500 * time.Millisecond
	}
	if c.MaxOpenFor <= 0 {
		c.MaxOpenFor = 5 * time.Second
	}
	c.MaxOpenFor = max(c.MaxOpenFor, c.OpenFor)
	if c.ProbeTimeout <= 0 {
		c.ProbeTimeout = 10 * time.Second
	}
	return c
}

// probeBytes is how much of a batch goes first to a destination that may not be there.
const probeBytes = 64 << 10

// A BreakerStater tells the state of a breaker; [Find] and [All] find those of a stack. BreakerState may be called at
// any time, concurrently. An open breaker whose time is up is half-open from when it is next asked or written to.
type BreakerStater interface {
	BreakerState() State
}

// Breaker returns a Sink that stops asking a destination that fails again and again. After cfg.Failures failures in a
// row it is open for cfg.OpenFor: Write returns ErrBreakerOpen at once, marked by [RetryAfter] with the time that is
// left. Then it is half-open: one Write, the probe, goes through at a time. At most 64 KiB of its batch go first, or one
// entry, with a deadline: see cfg.ProbeTimeout. If they fail the breaker opens again, for longer, and the batch is as it
// was; a success closes the breaker, and the rest of the batch follows in the same Write.
//
// Only what says that the destination is not there is a failure, as [ClassOf] has it: a [Timeout] inside the breaker, and
// a panic too. What is neither failure nor success: a permanent error, RetryAfter, [Throttled] and [TooLarge], for the
// destination did answer; a PartialError that delivers something; and any error once the caller's own ctx has ended. Yet
// while it is not closed, the breaker refuses for as long as a Throttled asked for, if that is longer.
//
// Breaker goes inside [Failover], which diverts while it is open, and [Retry]. The result is a [BreakerStater].
// Breaker panics if s is nil.
func Breaker(s Sink, cfg BreakerConfig) Sink {
	mustSink("Breaker", s)
	return &breaker{s, newGate(cfg.withDefaults())}
}

type breaker struct {
	Sink
	gate *gate
}

func (b *breaker) Unwrap() []Sink { return []Sink{b.Sink} }

func (b *breaker) BreakerState() State {
	s, _ := b.gate.look(time.Now())
	b.gate.changes.announce()
	return s
}

func (b *breaker) Write(ctx context.Context, bt *batch.Batch) error {
	p, err := b.gate.admit()
	switch {
	case err != nil:
		return err
	case p.probe:
		return b.probe(ctx, bt, p)
	}
	return b.attempt(ctx, bt, p)
}

// attempt writes bt and gives the pass back, whatever becomes of this goroutine: half-open has no timer, so that one
// which is lost would refuse everybody for ever.
func (b *breaker) attempt(ctx context.Context, bt *batch.Batch, p pass) error {
	verdict := errExcluded
	defer func() { b.gate.giveBack(p, verdict) }()
	b.gate.changes.announce()
	inner := ctx
	if p.probe {
		var cancel context.CancelFunc
		late := fmt.Errorf("sink: probe: no answer within %v: %w", p.timeout, context.DeadlineExceeded)
		inner, cancel = context.WithTimeoutCause(ctx, p.timeout, late)
		defer cancel()
	}
	began := time.Now()
	verdict = errUnreturned
	err := b.Sink.Write(inner, bt)
	class, after := ClassOf(ctx, err, len(bt.Entries))
	switch {
	case err == nil:
		b.gate.succeeded(time.Since(began))
		verdict = nil
	case class == batch.Failed:
		verdict = err
	default:
		b.gate.told(after)
		verdict = errExcluded
	}
	return err
}

// probe writes bt, the first of it with the pass p. What goes well or is refused for what it is has the rest follow.
func (b *breaker) probe(ctx context.Context, bt *batch.Batch, p pass) error {
	var failed []Failure
	for off, n := 0, 0; ; off += n {
		n = len(bt.Entries) - off
		if p.probe {
			n = fit(bt.Entries[off:], probeBytes)
		}
		err := b.attempt(ctx, run(bt, off, n), p)
		last := off+n == len(bt.Entries)
		if last && off == 0 {
			return err
		}
		// Of a piece it is final what need not be so of bt: one entry cannot be made smaller.
		err = alone(err, n)
		if class, _ := ClassOf(ctx, err, n); !last && class != batch.Delivered {
			return b.abort(bt, failed, off, n, err)
		}
		failed = appendFailures(failed, off, n, err)
		if last {
			return partial(failed)
		}
		if p, err = b.gate.admit(); err != nil {
			return partial(appendFailures(failed, off+n, len(bt.Entries)-off-n, err))
		}
	}
}

// abort returns what became of bt if its n entries from off on ended in err, after which nothing was sent. failed is what
// was refused in front of them.
func (b *breaker) abort(bt *batch.Batch, failed []Failure, off, n int, err error) error {
	_, whole := failuresOf(err, n)
	if whole != nil && !IsPermanent(whole) {
		if off == 0 {
			return whole // and not err: a PartialError that makes no sense of a piece might make some of bt
		}
		return partial(appendFailures(failed, off, len(bt.Entries)-off, whole))
	}
	failed = appendFailures(failed, off, n, err)
	return partial(appendFailures(failed, off+n, len(bt.Entries)-off-n, b.gate.refusal()))
}

// run is the n entries of b from off on.
func run(b *batch.Batch, off, n int) *batch.Batch {
	if n == len(b.Entries) {
		return b
	}
	return b.SubsetRange(off, off+n)
}

// appendFailures appends what err says of the n entries of a batch from off on.
func appendFailures(to []Failure, off, n int, err error) []Failure {
	if err == nil {
		return to
	}
	fs, whole := failuresOf(err, n)
	if whole != nil {
		for i := range n {
			to = append(to, Failure{off + i, alone(whole, n)})
		}
		return to
	}
	for _, f := range fs {
		to = append(to, Failure{off + f.Index, alone(f.Err, n)})
	}
	return to
}
