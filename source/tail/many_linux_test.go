//go:build linux

package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// following is how many goroutines follow any number of files: Run, one that collects
// events, fsnotify's reader, and the two of Config.Readers.
const following = 5

// TestManyFiles: ten thousand files take as many goroutines as one, and no more
// descriptors than MaxOpen and a few.
func TestManyFiles(t *testing.T) {
	many := 10_000
	if testing.Short() || raceEnabled {
		many = 1_000
	}
	for _, files := range []int{1, many} {
		dir := t.TempDir()
		for i := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.log", i)), fmt.Appendf(nil, "line of %d\n", i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const most = 32
		sink := newSinkhole()
		r := start(t, Config{Paths: []string{dir + "/*.log"}, MaxOpen: most}, sink, nil)
		peak := 0
		wait(t, "all lines", func() bool {
			peak = max(peak, openBelow(t, dir))
			return sink.count() >= files
		})
		wait(t, "the files to be idle", func() bool {
			peak = max(peak, openBelow(t, dir))
			for _, st := range r.src.Stats() {
				if st.State != Idle {
					return false
				}
			}
			return true
		})
		if limit := most + r.src.plan.Readers + 3; peak > limit {
			t.Errorf("%d files: %d were open, want %d at most", files, peak, limit)
		}
		if n := goroutines(); n != following {
			t.Errorf("%d files: %d goroutines, want %d", files, n, following)
		}
		if n := sink.count(); n != files {
			t.Errorf("%d lines, want %d", n, files)
		}
		r.stop()
	}
}

// goroutines counts those that run for a source: its own, and what watches for it.
func goroutines() (n int) {
	buf := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "source/tail.(*") && !strings.Contains(g, "source/tail.Test") || strings.Contains(g, "fsnotify.(*") && strings.Contains(g, "readEvents") {
			n++
		}
	}
	return n
}
