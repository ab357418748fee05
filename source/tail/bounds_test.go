package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

func TestMaxFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		write(t, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprintf("%d\n", i))
	}
	r := start(t, quick(Config{Paths: []string{dir + "/*"}, MaxFiles: 3}), newSinkhole(), nil)
	wait(t, "three files", func() bool { return r.sink.count() == 3 })
	for _, name := range r.sink.got()[:2] {
		os.Remove(filepath.Join(dir, name))
	}
	wait(t, "the others", func() bool { return r.sink.count() == 5 })
	wait(t, "the all-clear", func() bool { return strings.Contains(r.log.String(), "no more files than MaxFiles") })
	if n := strings.Count(r.log.String(), "the others are left out"); n != 1 {
		t.Errorf("told %d times: %s", n, r.log)
	}
}

func TestIgnoreOlder(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	write(t, old, "1\n")
	write(t, filepath.Join(dir, "new"), "2\n")
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{dir + "/*"}, IgnoreOlder: time.Hour})
	r := start(t, cfg, newSinkhole(), store)
	r.await("2")
	if st := r.src.Stats(); len(st) != 1 {
		t.Errorf("followed: %+v", st)
	}
	write(t, old, "3\n") // it is not old any more
	r.await("2", "1", "3")
	r.stop()

	// A cursor makes it a file that is followed, however old it is.
	write(t, old, "4\n")
	os.Chtimes(old, past, past)
	r = start(t, cfg, newSinkhole(), store)
	r.await("4")
}

// TestMaxRate: time is the subject, and only that it is not less.
func TestMaxRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	line := strings.Repeat("x", 1023) + "\n"
	const lines, rate = 3 << 10, 4 << 20 // 3 MiB: at the least two of three turns are paid for
	write(t, path, strings.Repeat(line, lines))
	begun := time.Now()
	r := start(t, quick(Config{Paths: []string{path}, MaxRate: rate}), newSinkhole(), nil)
	wait(t, "all lines", func() bool { return r.sink.count() == lines })
	if took, least := time.Since(begun), 400*time.Millisecond; took < least {
		t.Errorf("took %v, less than %v", took, least)
	}
}

func TestLagTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "a\n")
	sink := newSinkhole()
	sink.hold = true
	r := start(t, quick(Config{Paths: []string{path}}), sink, nil)
	lag := func() FileStats {
		if st := r.src.Stats(); len(st) == 1 {
			return st[0]
		}
		return FileStats{}
	}
	wait(t, "a lag", func() bool { return lag().LagTime > 50*time.Millisecond })
	write(t, path, "b\n") // what is older still counts
	wait(t, "more lag", func() bool { return lag().LagTime > 150*time.Millisecond && lag().Lag == 4 })
	sink.setHold(false)
	sink.settle(nil)
	wait(t, "none", func() bool { return lag().LagTime == 0 && lag().Lag == 0 })
}
