package tail

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// TestShiftedDuringTheFirstLook: what was delivered before is not read again,
// though a rotation moves files on between the reading of their folder and the
// look at each of them.
func TestShiftedDuringTheFirstLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	numbered := func(i int) string { return fmt.Sprintf("%s.%d", path, i) }
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{path + "*"}})
	r := start(t, cfg, newSinkhole(), store)
	var want []string
	for i := range 4 {
		if i > 0 {
			for k := i - 1; k > 0; k-- {
				rename(t, numbered(k), numbered(k+1))
			}
			rename(t, path, numbered(1))
		}
		want = append(want, fmt.Sprint(i))
		write(t, path, want[i]+"\n")
		r.await(want...)
		sleepTick()
	}
	r.stop()

	shift := sync.OnceFunc(func() {
		for i := 3; i > 0; i-- {
			rename(t, numbered(i), numbered(i+2))
		}
	})
	cfg.Labels = func(p string) batch.Labels { // app.log is looked at first
		shift()
		return filename(p)
	}
	r = start(t, cfg, newSinkhole(), store)
	write(t, path, "new\n")
	wait(t, "all files", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Path == numbered(5) }) && r.sink.count() > 0
	})
	wait(t, "rest", func() bool {
		return !slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.State != Idle })
	})
	r.await("new")
}
