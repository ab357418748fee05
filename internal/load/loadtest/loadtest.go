// Package loadtest is what the benchmarks over package load have in common.
package loadtest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/load"
)

// Scale is one of two sizes of a benchmark: short unless LOGFERRY_SOAK is set.
func Scale[T any](short, long T) T {
	if os.Getenv("LOGFERRY_SOAK") != "" {
		return long
	}
	return short
}

// Start is [load.Start]; b fails if that does. [End] ends what it returns.
func Start(b *testing.B, cfg load.Config) *load.Run {
	b.Helper()
	r, err := load.Start(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// End ends r within a minute. b fails if not all that was read is delivered by then.
func End(b *testing.B, r *load.Run) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		b.Error(err)
	}
}
