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

// Throttled is [RetryAfter] of a destination that asked everybody to send less, rather than one stream to wait: its
// rate limit, or a 429 and a 503 with a time to wait. A pipeline's route then paces all of its Writes. It returns nil
// if err is nil. The mark survives wrapping and [errors.Join].
func Throttled(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &throttledError{err, max(d, 0)}
}

// TooLarge marks err as that of a request of which nothing was taken, because the destination takes none as large. It is
// worth a retry in smaller pieces, which [Delivery] and so [Retry] and a pipeline make, and of a single entry it is
// permanent. A Sink that can tell the size beforehand sends several requests instead. It returns nil if err is nil. The
// mark survives wrapping and [errors.Join].
func TooLarge(err error) error {
	if err == nil {
		return nil
	}
	return &tooLargeError{err}
}

// IsPermanent reports whether the outermost mark on err is [Permanent]. So it is false for a [*PartialError], which
// says something about each entry and nothing about all of them.
func IsPermanent(err error) bool { return markOf(err).permanent }

// IsTooLarge reports whether the outermost mark on err is [TooLarge].
func IsTooLarge(err error) bool { return markOf(err).tooLarge }

// After reports whether the outermost mark on err is [RetryAfter] or [Throttled], and the time to wait; zero: the
// caller's own backoff.
func After(err error) (d time.Duration, ok bool) {
	m := markOf(err)
	return m.after, m.wait
}

// A mark is what an error says a retry could do; the zero mark: it is worth one, by the caller's own backoff.
type mark struct {
	permanent bool
	tooLarge  bool
	wait      bool // the destination is alive
	throttled bool // wait, and that concerns all of it
	after     time.Duration
}

// A marked error carries a mark.
type marked interface {
	error
	mark() mark
}

// markOf returns the outermost mark on err. Where errors were joined, the first that has one counts.
func markOf(err error) mark {
	m, ok := errors.AsType[marked](err)
	if !ok {
		return mark{}
	}
	return m.mark()
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }
func (e *permanentError) mark() mark    { return mark{permanent: true} }

type retryAfterError struct {
	err   error
	after time.Duration
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }
func (e *retryAfterError) mark() mark    { return mark{wait: true, after: e.after} }

type throttledError struct {
	err   error
	after time.Duration
}

func (e *throttledError) Error() string { return e.err.Error() }
func (e *throttledError) Unwrap() error { return e.err }
func (e *throttledError) mark() mark    { return mark{wait: true, throttled: true, after: e.after} }

type tooLargeError struct{ err error }

func (e *tooLargeError) Error() string { return e.err.Error() }
func (e *tooLargeError) Unwrap() error { return e.err }
func (e *tooLargeError) mark() mark    { return mark{tooLarge: true} }

// refusesEntry reports whether err is about the entry rather than about the destination: it is permanent, and not so
// merely because somebody lost patience.
func refusesEntry(err error) bool { return IsPermanent(err) && !errors.Is(err, ErrGaveUp) }

// alone returns the error of a request of n entries whose error is err: one that is too large and cannot be made smaller
// is refused for good.
func alone(err error, n int) error {
	if n == 1 && IsTooLarge(err) {
		return Permanent(err)
	}
	return err
}
