package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
)

// A ClampConfig says which times an entry may have. The zero ClampConfig takes
// what a Loki with default limits takes.
type ClampConfig struct {
	// Past is how far before now an entry may be. Zero: 167 hours, one less than
	// Loki's reject_old_samples_max_age, so that entries have an hour to get there.
	Past time.Duration
	// Future is how far ahead of now it may be. Zero: 10 minutes, Loki's
	// creation_grace_period.
	Future time.Duration
}

const (
	defaultPast   = 167 * time.Hour
	defaultFuture = 10 * time.Minute

	// originalTime is the attribute with the time that was replaced, and
	// originalLayout its form. Package sink/loki says it in the same way.
	originalTime   = "original_time"
	originalLayout = "2006-01-02T15:04:05.000000000Z"
)

// A Clamper gives entries whose time cannot be right another one, and the
// attribute original_time with the one they had, in UTC. What is too old gets
// the earliest time allowed. What is too far ahead, which says nothing of when it
// was written, gets the time it is now. [Clamp] makes one; all methods may be
// called concurrently.
type Clamper struct {
	past, future time.Duration
	early, late  atomic.Int64
}

// Clamp returns a Clamper. Its error names what is negative.
func Clamp(cfg ClampConfig) (*Clamper, error) {
	var errs []error
	if cfg.Past < 0 {
		errs = append(errs, fmt.Errorf("process: Clamp: Past: %v is negative", cfg.Past))
	}
	if cfg.Future < 0 {
		errs = append(errs, fmt.Errorf("process: Clamp: Future: %v is negative", cfg.Future))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Clamper{past: cmp.Or(cfg.Past, defaultPast), future: cmp.Or(cfg.Future, defaultFuture)}, nil
}

// Process is that of pipeline.Processor. Entries without a time are left alone.
func (c *Clamper) Process(_ context.Context, b *batch.Batch) error {
	now := time.Now()
	earliest, latest := now.Add(-c.past), now.Add(c.future)
	var early, late int64
	for i := range b.Entries {
		switch e := &b.Entries[i]; {
		case e.Time.IsZero():
		case e.Time.Before(earliest):
			retime(b, e, earliest)
			early++
		case e.Time.After(latest):
			retime(b, e, now)
			late++
		}
	}
	count(&c.early, early)
	count(&c.late, late)
	return nil
}

// retime gives e, an entry of b, the time t, and notes the one it had.
func retime(b *batch.Batch, e *batch.Entry, t time.Time) {
	was := batch.Attr{Key: originalTime, Value: e.Time.UTC().Format(originalLayout)}
	e.Time = t.Round(0)                  // a wall time: readings of the monotonic clock are the process's own
	if !hasAttr(e.Attrs, originalTime) { // the first one is the original
		addAttrs(b, e, was)
	}
}

// count adds n to a counter, once per batch.
func count(c *atomic.Int64, n int64) {
	if n != 0 {
		c.Add(n)
	}
}

// ClampStats counts entries since the Clamper was made.
type ClampStats struct {
	Early int64 // were too old
	Late  int64 // were too far ahead
}

// Stats returns the counters.
func (c *Clamper) Stats() ClampStats {
	return ClampStats{Early: c.early.Load(), Late: c.late.Load()}
}
