package tail

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/batch"
)

// openedIn are the files below dir that this process has open. Where that cannot
// be told there are none.
func openedIn(dir string) (open []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir+"/") {
			open = append(open, to)
		}
	}
	return open
}

// TestHerald: a file was empty for a moment, so that its first cursor is sent, which
// a route blocks. Meanwhile it turns out to be the copy of a file that is truncated.
// Its reader keeps it until then, and afterwards nothing of either is left over.
func TestHerald(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, lines := many(0, 500)
	write(t, dir+"/app.log", text)
	sink := newSinkhole()
	let := make(chan struct{})
	var hold atomic.Bool
	var blocked atomic.Int32
	sink.gate = func(ctx context.Context, b *batch.Batch) error {
		if !hold.Load() {
			return nil
		}
		blocked.Add(1)
		return until(let)(ctx, b)
	}
	src, err := New(quick(Config{Paths: []string{dir + "/app.log*"}}))
	if err != nil {
		t.Fatal(err)
	}
	var truncated, deferred atomic.Bool
	src.plan.check = func(s *scanner) {
		if f := s.hints[dir+"/app.log"]; truncated.Load() && f != nil && !f.resting {
			deferred.Store(true)
		}
	}
	r := startSource(t, src, sink, nil)
	r.await(lines...)
	wait(t, "delivery", func() bool { return r.idle(1) })
	hold.Store(true)
	write(t, dir+"/app.log.1", "")
	wait(t, "the first cursor", func() bool { return blocked.Load() > 0 })
	write(t, dir+"/app.log.1", text) // by a copy that took its time
	size := func(path string) int64 {
		st := r.src.Stats()
		if i := slices.IndexFunc(st, func(s FileStats) bool { return s.Path == path }); i >= 0 {
			return st[i].Size
		}
		return -1
	}
	wait(t, "the copy to be seen", func() bool { return size(dir+"/app.log.1") == int64(len(text)) })
	if err := os.Truncate(dir+"/app.log", 0); err != nil {
		t.Fatal(err)
	}
	truncated.Store(true)
	wait(t, "the truncation to be seen", deferred.Load)
	hold.Store(false)
	close(let)
	write(t, dir+"/app.log", "after\n")
	wait(t, "what came after", func() bool { return slices.Contains(sink.got(), "after") })
	wait(t, "delivery", func() bool { return r.idle(2) || r.idle(1) })
	r.await(append(lines, "after")...)
	r.stop()
	if open := openedIn(dir); runtime.GOOS == "linux" && len(open) > 0 {
		t.Errorf("left open: %q", open)
	}
}
