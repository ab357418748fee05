package sink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// A RetryConfig says how a batch is written again. The zero RetryConfig waits 100 ms, then twice as long every time
// up to 30 s, each time up to 30 % longer at random, and never gives up.
//
// A destination that asks for more time with [RetryAfter] or [Throttled] gets it, and what is [TooLarge] for it is halved
// at once, until it is one entry. No wait is longer than an hour, jitter excluded.
// When a Write delivered a part of the batch the backoff begins anew. While an open [Breaker] refuses, it is the breaker
// that says how long to wait, and the backoff does not grow: the destination was not asked then.
type RetryConfig struct {
	Min    time.Duration // the first wait; zero: 100 ms
	Max    time.Duration // the backoff grows to this, jitter excluded; zero: 30 s. Never less than Min
	Jitter float64       // at most so much of a wait, up to 1, is added to it at random; zero: 0.3; negative: nothing

	// Tries bounds the Writes of one batch, including those a breaker refused; where the batch goes in pieces, those of
	// one piece, and what was too large counts for none. MaxElapsed bounds the time between the first of them and the
	// last. Zero: no bound. Whatever is pending then fails permanently, with ErrGaveUp: it is lost unless somebody takes
	// dead letters. A batch that goes well piece by piece may take longer than MaxElapsed.
	Tries      int
	MaxElapsed time.Duration
}

const (
	defaultMin    = 100 * time.Millisecond
	defaultMax    = 30 * time.Second
	defaultJitter = 0.3
	growth        = 2
	// longestWait bounds every wait: a nonsensical Retry-After must not park a stream for ever.
	longestWait = time.Hour
)

// backoff returns a fresh one that never stops by itself; backoff's own default is to give up after 15 minutes.
func (c RetryConfig) backoff() *backoff.ExponentialBackOff {
	first, most := c.Min, c.Max
	if first <= 0 {
		first = defaultMin
	}
	if most <= 0 {
		most = defaultMax
	}
	first = min(first, longestWait)
	b := &backoff.ExponentialBackOff{
		InitialInterval: first,
		Multiplier:      growth,
		MaxInterval:     max(first, min(most, longestWait)),
		Stop:            backoff.Stop,
		Clock:           backoff.SystemClock,
	}
	b.Reset()
	return b
}

// jittered adds the random part to a wait, at most share of it: those that were told to come back at one time shall not
// do so all at once. Zero is the default, and less is nothing.
func jittered(wait time.Duration, share float64) time.Duration {
	if share == 0 {
		share = defaultJitter
	}
	if share < 0 {
		return wait
	}
	return wait + time.Duration(min(share, 1)*rand.Float64()*float64(wait))
}

// Retry returns a Sink whose Write writes to s until every entry is delivered or has failed permanently, waiting in
// between as cfg says. Only entries that are worth it are written again.
//
// It returns nil or, for permanent failures, a [*PartialError] whose indices are those of the batch it was given, also
// if every entry failed. If ctx ends first, the error wraps ctx's cause and a PartialError that lists the entries not
// yet delivered too, with what came of their last attempt, which is no permanent error: whoever resends those, and only
// those, loses none and repeats only what had no answer. Without the PartialError nothing has been attempted.
//
// Retry goes outermost. A pipeline does the waiting itself, as [Policy] tells it to. Retry panics if s is nil.
func Retry(s Sink, cfg RetryConfig) Sink {
	mustSink("Retry", s)
	return &retrier{s, cfg}
}

// Policy takes apart what [Retry] returned: the inner Sink and how to retry. For any other Sink it returns s and the
// zero RetryConfig.
func Policy(s Sink) (Sink, RetryConfig) {
	if r, ok := s.(*retrier); ok {
		return r.Sink, r.cfg
	}
	return s, RetryConfig{}
}

type retrier struct {
	Sink
	cfg RetryConfig
}

func (r *retrier) Unwrap() []Sink { return []Sink{r.Sink} }

func (r *retrier) Write(ctx context.Context, b *batch.Batch) error {
	if ctx.Err() != nil {
		return fmt.Errorf("sink: retry: %w", context.Cause(ctx))
	}
	var d Delivery // on the stack, which that of Begin is not
	d.begin(r.cfg, b)
	for {
		err := r.Sink.Write(ctx, d.Batch())
		if err != nil && ctx.Err() != nil {
			d.Interrupted(err)
			return interrupted(ctx, &d)
		}
		wait, again := d.Done(err)
		if !again {
			return d.Err()
		}
		if !lifecycle.Sleep(ctx, wait) {
			return interrupted(ctx, &d)
		}
	}
}

// interrupted returns what Retry knows of a delivery when ctx has ended.
func interrupted(ctx context.Context, d *Delivery) error {
	fs := d.Pending()
	if len(fs) == 0 {
		return d.Err()
	}
	fs = append(fs, d.Failed()...)
	sortFailures(fs)
	return fmt.Errorf("sink: retry: %w: %w", context.Cause(ctx), partial(fs))
}
