package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/logferry/logferry/batch"
)

// Failover returns a Sink that writes to first, and to second what first could not take: the entries whose failure is
// not permanent, and those that a [Retry] inside first gave up on. An entry first refuses for good is not offered to
// second, nor what was [TooLarge] for it: smaller pieces may go there yet. If the caller's ctx has ended, nothing is.
//
// An entry that fails with both is worth a retry if either says so, as soon as the first of them can take it; its
// error wraps both. [RetryConfig]'s backoff serves if either names no time.
//
// Close closes both, each with what ctx leaves, and joins their errors. The two must be different Sinks. Failover
// panics if either is nil.
func Failover(first, second Sink) Sink {
	mustSink("Failover: first", first)
	mustSink("Failover: second", second)
	return &failover{first, second}
}

type failover struct{ first, second Sink }

func (f *failover) Unwrap() []Sink { return []Sink{f.first, f.second} }

func (f *failover) Close(ctx context.Context) error {
	return errors.Join(f.first.Close(ctx), f.second.Close(ctx))
}

func (f *failover) Write(ctx context.Context, b *batch.Batch) error {
	err := f.first.Write(ctx, b)
	if err == nil || ctx.Err() != nil {
		return err
	}
	fs, whole := failuresOf(err, len(b.Entries))
	switch {
	case whole == nil:
		return f.divert(ctx, b, fs)
	case refusesRequest(whole):
		return whole
	}
	return f.divertAll(ctx, b, whole)
}

// divertAll writes b to second, all of which first failed to take because of first.
func (f *failover) divertAll(ctx context.Context, b *batch.Batch, first error) error {
	err := f.second.Write(ctx, b)
	if err == nil {
		return nil
	}
	fs, whole := failuresOf(err, len(b.Entries))
	if whole != nil {
		return both(first, alone(whole, len(b.Entries)))
	}
	out := make([]Failure, len(fs))
	for i, g := range fs {
		out[i] = Failure{g.Index, both(first, alone(g.Err, len(b.Entries)))}
	}
	return partial(out)
}

// divert writes to second those of fs, which are what first did not take, that it may be offered.
func (f *failover) divert(ctx context.Context, b *batch.Batch, fs []Failure) error {
	var out, offered []Failure
	for _, g := range fs {
		if refusesRequest(g.Err) {
			out = append(out, g)
		} else {
			offered = append(offered, g)
		}
	}
	if len(offered) == 0 {
		return partial(out)
	}
	err := f.second.Write(ctx, subset(b, offered))
	if err == nil {
		return partial(out)
	}
	fs, whole := failuresOf(err, len(offered))
	if whole != nil {
		for _, g := range offered {
			out = append(out, Failure{g.Index, both(g.Err, alone(whole, len(offered)))})
		}
	}
	for _, g := range fs {
		out = append(out, Failure{offered[g.Index].Index, both(offered[g.Index].Err, alone(g.Err, len(offered)))})
	}
	sortFailures(out)
	return partial(out)
}

// refusesRequest reports whether err is about what was sent rather than about the destination.
func refusesRequest(err error) bool { return refusesEntry(err) || IsTooLarge(err) }

// subset is the part of b that fs, sorted, lists.
func subset(b *batch.Batch, fs []Failure) *batch.Batch {
	if len(fs) == len(b.Entries) {
		return b
	}
	idx := make([]int32, len(fs))
	for i, f := range fs {
		idx[i] = int32(f.Index)
	}
	return b.Subset(idx)
}

// both is the error of entries that neither of two Sinks took.
func both(first, second error) error { return &doubleError{first, second} }

type doubleError struct{ first, second error }

func (e *doubleError) Error() string   { return fmt.Sprintf("%v; then %v", e.first, e.second) }
func (e *doubleError) Unwrap() []error { return []error{e.first, e.second} }

// mark is permanent if both are, and otherwise that of the one that can be tried sooner. Where one takes smaller
// requests, that is at once.
func (e *doubleError) mark() mark {
	first, second := markOf(e.first), markOf(e.second)
	switch {
	case first.permanent:
		return second
	case second.permanent:
		return first
	case first.tooLarge || second.tooLarge:
		return mark{tooLarge: true}
	case first.wait && second.wait:
		return mark{wait: true, throttled: first.throttled || second.throttled, after: min(first.after, second.after)}
	}
	return mark{}
}
