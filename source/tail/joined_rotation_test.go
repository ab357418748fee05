package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRotatedWhileOpen: what is held back when its file is renamed or deleted
// is delivered before the file is forgotten.
func TestRotatedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "S1\na\n")
	cfg := quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}, RotateWait: 2 * time.Second})
	r := start(t, cfg, newSinkhole(), nil)
	wait(t, "the file", func() bool { s := r.src.Stats(); return len(s) == 1 && s[0].State == Idle })
	rename(t, path, path+".1")
	write(t, path, "S2\n")
	write(t, path+".1", "b\nc") // the writer goes on
	r.await("S1\na\nb\nc")
	os.Remove(path)
	r.await("S1\na\nb\nc", "S2")
}

// TestRotatedInOrder: the last entry of a file that was rotated away comes before
// the first of its successor, though it was held back.
func TestRotatedInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	cfg := quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: 500 * time.Millisecond}, RotateWait: time.Hour})
	write(t, path, "S0\na\n")
	r := start(t, cfg, newSinkhole(), nil)
	for i := range 4 {
		wait(t, "the file", func() bool {
			s := r.src.Stats()
			return len(s) == i+1 && slices.ContainsFunc(s, func(s FileStats) bool { return s.State != Rotated && s.Size == 5 })
		})
		sleepTick()
		rename(t, path, fmt.Sprint(path, ".", i))
		write(t, path, fmt.Sprintf("S%d\na\n", i+1))
	}
	r.await("S0\na", "S1\na", "S2\na", "S3\na", "S4\na")
}

// TestTruncatedWhileOpen: what is held back when its file is copied and truncated
// is read in the copy.
func TestTruncatedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "S1\na\n"+strings.Repeat("x", 200)+"\n")
	r := start(t, quick(Config{Paths: []string{path}, Multiline: Multiline{Rule: starting.Rule, Timeout: time.Hour}}), newSinkhole(), nil)
	wait(t, "the file", func() bool { s := r.src.Stats(); return len(s) == 1 && s[0].State == Idle })
	copyFile(t, path, path+".1")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "S2\n")
	r.await("S1\na\n" + strings.Repeat("x", 200))
	os.Remove(path)
	r.await("S1\na\n"+strings.Repeat("x", 200), "S2")
}
