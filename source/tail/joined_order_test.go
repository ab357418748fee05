package tail

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// TestOpenEntryComesFirst: what is open at the end of a rotated file comes before
// what its successor holds, though the file is read long after it was rotated.
func TestOpenEntryComesFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "S1\nS2\n")
	sink, open := newSinkhole(), make(chan struct{})
	sink.gate = func(ctx context.Context, _ *batch.Batch) error {
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	cfg := quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: 500 * time.Millisecond}, RotateWait: 50 * time.Millisecond})
	r := start(t, cfg, sink, nil)
	wait(t, "the file", func() bool { return len(r.src.Stats()) == 1 })
	rename(t, path, path+".1")
	write(t, path, "S3\nS4\n")
	wait(t, "both files", func() bool { return len(r.src.Stats()) == 2 })
	time.Sleep(2 * cfg.RotateWait) // which is the subject
	close(open)
	r.await("S1", "S2", "S3", "S4")
}
