package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
)

// Timeout returns a Sink whose Write gives s at most d: the ctx of s ends then. If s fails after that, the error
// names d and wraps [context.DeadlineExceeded] and the error of s, whose marks and PartialError stay in force. If the
// caller's own ctx has ended, the error is that of s alone.
//
// Timeout relies on s to honour its ctx. It goes inside [Breaker], which counts it as a failure. A d of zero or less
// means no timeout: Timeout returns s. It panics if s is nil.
func Timeout(s Sink, d time.Duration) Sink {
	mustSink("Timeout", s)
	if d <= 0 {
		return s
	}
	return &timeout{s, d, fmt.Errorf("sink: no answer within %v: %w", d, context.DeadlineExceeded)}
}

type timeout struct {
	Sink
	d     time.Duration
	cause error // of the end of ctx
}

func (t *timeout) Unwrap() []Sink { return []Sink{t.Sink} }

func (t *timeout) Write(ctx context.Context, b *batch.Batch) error {
	inner, cancel := context.WithTimeoutCause(ctx, t.d, t.cause)
	defer cancel()
	err := t.Sink.Write(inner, b)
	if err == nil || inner.Err() == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", t.cause, err)
}
