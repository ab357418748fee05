package sink_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// TestSpillFullDisk fills a real disk under a queue, again and again: Writes fail with an error that is worth a retry,
// what was acknowledged is delivered, and with space again the queue goes on.
func TestSpillFullDisk(t *testing.T) {
	t.Run("small", func(t *testing.T) { fillDisk(t, "size=1m,mode=0700", 4000) })
	t.Run("large", func(t *testing.T) { fillDisk(t, "size=10m,mode=0700", 200_000) }) // more than is reserved at first
}

// fillDisk is the test on a disk, with lines that differ in length by spread.
func fillDisk(t *testing.T, disk string, spread int) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, disk); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	queue, to := filepath.Join(dir, "queue"), &memory{}
	var lines []string
	acked, refused := 0, 0
	for round := range 6 {
		to.set(func() { to.down = true })
		r := startSpill(t, to, sink.SpillConfig{Dir: queue})
		for failed := 0; failed < 20; {
			line := strings.Repeat(string(rune('a'+round)), 500+37*acked*spread/4000%spread)
			b := batch.New(nil, batch.MustLabels("app", "shop"))
			b.Append(base, []byte(line))
			err := r.Write(t.Context(), b)
			if err == nil {
				lines = append(lines, line)
				acked++
				continue
			}
			failed++
			refused++
			if !errors.Is(err, syscall.ENOSPC) || sink.IsPermanent(err) || !strings.Contains(err.Error(), queue) {
				t.Fatalf("on a full disk: %v", err)
			}
			if r.Health() == nil {
				t.Error("the full disk does not show in Health")
			}
		}
		if round%2 == 1 { // another process finds the disk full
			r.end()
			r = startSpill(t, to, sink.SpillConfig{Dir: queue})
		}
		to.set(func() { to.down = false })
		r.drain()
		r.want(lines)
		r.end()
	}
	t.Logf("%d entries acknowledged, %d refused for want of space, 0 lost", acked, refused)
	left, err := os.ReadDir(queue)
	if err != nil || len(left) > 4 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}
