package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A long outage is remembered once a minute, and another reason is told soon.
func TestLogDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		out := &collector{fail: func(int, context.Context, *batch.Batch) error {
			switch d := time.Since(began); {
			case d < 150*time.Second:
				return errors.New("connection refused")
			case d < 400*time.Second:
				return errors.New("who are you")
			}
			return nil
		}}
		var log lockedBuffer
		cfg := one(counter{total: 100}, Route{Sink: sink.Retry(out, sink.RetryConfig{Max: time.Second}), Shaper: batch.Fixed(batch.Limits{})})
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		// At 0, 60 and 120 s; from 150 s on at once, and 4 times a minute later.
		for text, want := range map[string]int{"connection refused": 3, "who are you": 5, "goes well again": 1} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q is in %d lines, want %d", text, got, want)
			}
		}
	})
}

// However many batches are refused, the log has a line a second, and it says
// how many entries.
func TestLogOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{fail: func(int, context.Context, *batch.Batch) error { return sink.Permanent(errors.New("never")) }}
		var log lockedBuffer
		cfg := one(counter{total: 400, perBatch: 1, every: 10 * time.Millisecond},
			Route{Sink: out, Shaper: batch.Fixed(batch.Limits{MaxWait: -1})})
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "entries refused"); n != 4 {
			t.Errorf("%d lines, want 4 in 4 s", n)
		}
		if strings.Count(log.String(), "entries=1 ") != 1 || strings.Count(log.String(), "entries=100 ") != 3 {
			t.Errorf("want the first entry at once, then a hundred a second:\n%s", log.String())
		}
	})
}
