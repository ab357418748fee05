package lifecycle

import (
	"context"
	"time"
)

// Sleep waits for d and reports whether ctx still holds; if ctx ends first it returns at once. Zero or less is no wait.
// It is how a task waits, who must not outlive its context, and may be called by anybody.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
