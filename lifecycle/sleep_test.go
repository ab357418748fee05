package lifecycle_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		for _, step := range []struct {
			d     time.Duration
			holds bool
			after time.Duration
		}{{0, true, 0}, {-time.Hour, true, 0}, {4 * time.Second, true, 4 * time.Second}, {time.Hour, false, 10 * time.Second}, {0, false, 10 * time.Second}} {
			if holds := Sleep(ctx, step.d); holds != step.holds || time.Since(began) != step.after {
				t.Errorf("Sleep(%v) = %v after %v, want %v after %v", step.d, holds, time.Since(began), step.holds, step.after)
			}
		}
	})
}
