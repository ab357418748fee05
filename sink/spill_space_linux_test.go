package sink_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/logferry/logferry/sink"
)

// A queue has its folder take more than its files show only while it runs: what it has reserved it gives back.
func TestSpillGivesBackSpace(t *testing.T) {
	to := &memory{}
	to.set(func() { to.down = true })
	r := startSpill(t, to, sink.SpillConfig{CloseTimeout: -1})
	r.write(numbered(10))
	if taken := spaceOf(t, r.dir); taken < 1<<20 {
		t.Skipf("this file system does not reserve: %d bytes are taken", taken)
	} else if taken > 8<<20 {
		t.Errorf("%d bytes are taken for 10 lines", taken)
	}
	r.end()
	if taken := spaceOf(t, r.dir); taken > 256<<10 {
		t.Errorf("%d bytes are taken for 10 lines, and nobody runs", taken)
	}
	to.set(func() { to.down = false })
	again := startSpill(t, to, sink.SpillConfig{Dir: r.dir})
	again.drain()
	again.want([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"})
}

// spaceOf returns what the files of a folder take.
func spaceOf(t *testing.T, dir string) (taken int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		taken += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return taken
}
