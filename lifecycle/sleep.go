package lifecycle

import (
	"context"
	"time"
)

// Sleep waits for d and reports whether ctx still holds: it returns false at once when ctx ends, also if it had ended
// before. Zero or less is no wait. A task that waits by it does not outlive its context. Anybody may call it, from any
// number of goroutines at once.
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
