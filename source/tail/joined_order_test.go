package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// TestOpenEntryComesFirst: what is open at the end of a rotated file comes before
// what its successor holds, though the file is read long after it was rotated.
func TestOpenEntryComesFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "S1\nS2\n")
	sink, open := newSinkhole(), make(chan struct{})
	sink.gate = until(open)
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

// TestOldGenerationsAreWhole: what was rotated long ago is read to its end at once,
// the last entry included. Only that of the newest file may go on.
func TestOldGenerationsAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}, RotateWait: time.Hour})
	write(t, path, "S1\nS2\n")
	r := start(t, cfg, newSinkhole(), store)
	r.await("S1")
	r.stop()
	rename(t, path, path+".2")
	write(t, path+".1", "S3\nS4\n")
	for _, name := range []string{path + ".1", path + ".2"} {
		old := time.Now().Add(-2 * time.Hour)
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, "S5\nS6\n")
	r = start(t, cfg, newSinkhole(), store)
	r.await("S2", "S3", "S4", "S5")
}
