package sink

import (
	"context"
	"time"

	"github.com/logferry/logferry/batch"
)

// ClassOf returns what the end of a Write of n entries says about the destination, for a [batch.Shaper], and how long
// the destination asked to be left alone, zero if it did not. err is what Write returned; ctx is that of whoever asks,
// and one that was derived of it for this Write, to end earlier, is not: its end is a failure.
//
//	batch.Delivered     nothing failed; or some entries are refused for good, or one stream is told to wait
//	batch.Throttled     something failed that [Throttled] marks
//	batch.TooLarge      something failed that [TooLarge] marks
//	batch.Failed        nothing was delivered, and something failed without a mark or was given up
//	batch.Inconclusive  ctx has ended; something was delivered, and something failed without a mark; everything was told
//	                    to wait by [RetryAfter], which is what an open [Breaker] does too
//
// Failed counts before Throttled, Throttled before the others. A [Breaker] goes by the same.
func ClassOf(ctx context.Context, err error, n int) (class batch.Class, after time.Duration) {
	if err == nil {
		return batch.Delivered, 0
	}
	if ctx.Err() != nil {
		return batch.Inconclusive, 0
	}
	fs, whole := failuresOf(err, n)
	if whole != nil {
		fs = []Failure{{0, whole}}
		n = 1
	}
	var c census
	for _, f := range fs {
		c.count(f.Err)
	}
	return c.class(n - len(fs))
}

// A census counts the failures of one Write by what they say.
type census struct {
	failed, throttled, tooLarge, waits, refused int

	after time.Duration // the most that was asked for
}

func (c *census) count(err error) {
	switch m := markOf(err); {
	case m.throttled:
		c.throttled++
		c.after = max(c.after, min(m.after, longestWait))
	case m.tooLarge:
		c.tooLarge++
	case m.wait:
		c.waits++
	case refusesEntry(err):
		c.refused++
	default:
		c.failed++
	}
}

func (c *census) class(delivered int) (batch.Class, time.Duration) {
	switch {
	case c.failed > 0 && delivered == 0:
		return batch.Failed, 0
	case c.throttled > 0:
		return batch.Throttled, c.after
	case c.tooLarge > 0:
		return batch.TooLarge, 0
	case c.failed > 0, c.waits > 0 && delivered+c.refused == 0:
		return batch.Inconclusive, 0
	}
	return batch.Delivered, 0
}
