package sink

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/sony/gobreaker/v2"
)

// A BreakerConfig configures [Breaker]. The zero BreakerConfig works.
type BreakerConfig struct {
	Failures     int           // so many in a row open the breaker; zero: 5
	OpenFor      time.Duration // how long it refuses before it tries again; zero: 5 s
	ProbeTimeout time.Duration // what a Write that tries again is given; zero: 10 s

	// OnState is told of every change of state, in order and one at a time, from the goroutine of a Write or of
	// BreakerState, with no lock held: it may call BreakerState but must not block. nil: nobody is told.
	OnState func(from, to State)
}

func (c BreakerConfig) withDefaults() BreakerConfig {
	if c.Failures <= 0 {
		c.Failures = 5
	}
	if c.OpenFor <= 0 {
		c.OpenFor = 5 * time.Second
	}
	if c.ProbeTimeout <= 0 {
		c.ProbeTimeout = 10 * time.Second
	}
	return c
}

// A BreakerStater tells the state of a breaker; [Find] and [All] find those of a stack. BreakerState may be called at
// any time, concurrently. An open breaker whose time is up is half-open from when it is next asked or written to.
type BreakerStater interface {
	BreakerState() State
}

// Breaker returns a Sink that stops asking a destination that fails again and again. After cfg.Failures failures in a
// row it is open for cfg.OpenFor: Write returns ErrBreakerOpen at once, marked by [RetryAfter] with the time that is
// left. Then it is half-open: one Write, the probe, goes through at a time, with a deadline of cfg.ProbeTimeout, and
// a success closes the breaker and a failure opens it again.
//
// Only what says that the destination is not there is a failure, a [Timeout] inside the breaker and a panic included.
// What is neither failure nor success: a permanent error and RetryAfter, for the destination did answer; a PartialError
// that delivers something; and any error once the caller's own ctx has ended.
//
// Breaker goes inside [Failover], which diverts while it is open, and [Retry]. The result is a [BreakerStater].
// Breaker panics if s is nil.
func Breaker(s Sink, cfg BreakerConfig) Sink {
	mustSink("Breaker", s)
	b := &breaker{Sink: s, cfg: cfg.withDefaults()}
	b.changes.tell = cfg.OnState
	b.late = fmt.Errorf("sink: probe: no answer within %v: %w", b.cfg.ProbeTimeout, context.DeadlineExceeded)
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		// MaxRequests is both how many half-open admits and how many successes close it.
		MaxRequests:   1,
		Timeout:       b.cfg.OpenFor,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= b.cfg.Failures },
		OnStateChange: b.changed,
		IsExcluded:    func(err error) bool { return err == errExcluded },
	})
	return b
}

type breaker struct {
	Sink
	cfg     BreakerConfig
	gate    *gobreaker.TwoStepCircuitBreaker[struct{}]
	state   atomic.Int32
	until   atomic.Pointer[time.Time] // when it was last to become half-open
	changes changes
	late    error // ends the ctx of a probe
}

var errExcluded = errors.New("sink: says nothing about the destination")

func (b *breaker) Unwrap() []Sink { return []Sink{b.Sink} }

func (b *breaker) BreakerState() State {
	s := stateOf(b.gate.State())
	b.changes.announce()
	return s
}

func (b *breaker) Write(ctx context.Context, bt *batch.Batch) error {
	done, err := b.gate.Allow()
	if err != nil {
		b.changes.announce()
		return b.refusal()
	}
	// Half-open has no timer: an admission that is not given back refuses everybody for ever. So it is given back
	// whatever becomes of this goroutine.
	verdict := errExcluded
	defer func() {
		done(verdict)
		b.changes.announce()
	}()
	b.changes.announce()
	attempt := ctx
	if State(b.state.Load()) == HalfOpen {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeoutCause(ctx, b.cfg.ProbeTimeout, b.late)
		defer cancel()
	}
	verdict = errUnreturned
	err = b.Sink.Write(attempt, bt)
	verdict = judge(ctx, err, len(bt.Entries))
	return err
}

// refusal says how long the gate stays shut.
func (b *breaker) refusal() error {
	if at := b.until.Load(); at != nil {
		// The gate opens strictly after its time.
		if left := time.Until(*at) + time.Millisecond; left > 0 {
			return RetryAfter(ErrBreakerOpen, left)
		}
	}
	// Nobody knows when the probe under way will end. A tenth is often enough to ask, and never a spin.
	return RetryAfter(ErrBreakerOpen, max(b.cfg.OpenFor/10, 10*time.Millisecond))
}

// changed is called by the gate with its lock held.
func (b *breaker) changed(_ string, from, to gobreaker.State) {
	b.state.Store(int32(stateOf(to)))
	if to == gobreaker.StateOpen {
		at := time.Now().Add(b.cfg.OpenFor)
		b.until.Store(&at)
	}
	b.changes.add(change{stateOf(from), stateOf(to)})
}

// judge returns what the gate is told of a Write of n entries: nil for a success, errExcluded for what says nothing
// about the destination, else a failure. ctx is the caller's: a timeout of ours or below us does not end it.
func judge(ctx context.Context, err error, n int) error {
	class, _ := ClassOf(ctx, err, n)
	switch {
	case err == nil || class == batch.Failed:
		return err
	default:
		return errExcluded
	}
}
