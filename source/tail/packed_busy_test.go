package tail

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// TestPackedWhileBusy: a file is compressed while a reader has it, and has had it
// since there was but little in it. It is recognised nevertheless.
func TestPackedWhileBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	text, lines := many(0, 5)
	write(t, path, text)
	sink, busy, open := newSinkhole(), make(chan struct{}, 100), make(chan struct{})
	sink.gate = func(ctx context.Context, b *batch.Batch) error {
		if len(b.Entries) == 0 {
			return nil
		}
		busy <- struct{}{}
		return until(open)(ctx, b)
	}
	r := start(t, quick(Config{Paths: []string{path + "*"}, RotateWait: 100 * time.Millisecond}), sink, nil)
	<-busy
	more, rest := many(5, 100)
	write(t, path, more)
	rename(t, path, path+".1")
	compressFile(t, path+".1", gzipOf, ".gz")
	wait(t, "the decision", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool {
			return s.Path == path+".1.gz" && (s.State == Waiting || len(busy) > 0)
		})
	})
	close(open)
	r.await(append(lines, rest...)...)
	wait(t, "the end", func() bool {
		st := r.src.Stats()
		return len(st) == 1 && st[0].State == Idle
	})
	r.await(append(lines, rest...)...)
}
