package sink

import (
	"errors"
	"time"
)

// ErrBreakerOpen is in the chain of what [Breaker] returns when it refuses a Write without asking the destination.
var ErrBreakerOpen = errors.New("sink: breaker is open")

// ErrGaveUp is in the chain of the permanent failures that [RetryConfig] makes of entries when its Tries or MaxElapsed
// are used up, beside the error of the last attempt.
var ErrGaveUp = errors.New("sink: gave up")

// Permanent marks err as never worth a retry: the destination refuses these entries, whenever they are sent. It returns
// nil if err is nil. The mark survives wrapping and [errors.Join].
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// RetryAfter marks err as worth a retry once d has passed; the destination is alive and asked to wait. A d of zero or
// less leaves the time to the backoff of whoever retries. It returns nil if err is nil. The mark survives wrapping and
// [errors.Join].
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err, max(d, 0)}
}

// IsPermanent reports whether the outermost mark on err is [Permanent]. So it is false for a [*PartialError], which
// says something about each entry and nothing about all of them.
func IsPermanent(err error) bool {
	permanent, _, _ := classOf(err)
	return permanent
}

// After reports whether the outermost mark on err is [RetryAfter], and the time to wait; zero: the caller's own
// backoff.
func After(err error) (d time.Duration, ok bool) {
	_, d, ok = classOf(err)
	return d, ok
}

// A classed error carries a mark. Neither field of the result is set for an error that is worth a retry by the caller's
// own backoff.
type classed interface {
	error
	class() (permanent bool, after time.Duration, wait bool)
}

// classOf returns the outermost mark on err. Where errors were joined, the first that has one counts.
func classOf(err error) (permanent bool, after time.Duration, wait bool) {
	c, ok := errors.AsType[classed](err)
	if !ok {
		return false, 0, false
	}
	return c.class()
}

type permanentError struct{ err error }

func (e *permanentError) Error() string                      { return e.err.Error() }
func (e *permanentError) Unwrap() error                      { return e.err }
func (e *permanentError) class() (bool, time.Duration, bool) { return true, 0, false }

type retryAfterError struct {
	err   error
	after time.Duration
}

func (e *retryAfterError) Error() string                      { return e.err.Error() }
func (e *retryAfterError) Unwrap() error                      { return e.err }
func (e *retryAfterError) class() (bool, time.Duration, bool) { return false, e.after, true }

// refusesEntry reports whether err is about the entry rather than about the destination: it is permanent, and not so
// merely because somebody lost patience.
func refusesEntry(err error) bool { return IsPermanent(err) && !errors.Is(err, ErrGaveUp) }
