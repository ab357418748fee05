package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMaxOpen: with few handles, files are opened again as they grow, and a
// rotated one is read to its end.
func TestMaxOpen(t *testing.T) {
	dir := t.TempDir()
	paths := make([]string, 20)
	for i := range paths {
		paths[i] = filepath.Join(dir, strings.Repeat("x", i+1)+".log")
		write(t, paths[i], "1\n"+paths[i]+"\n")
	}
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}, MaxOpen: 2}), newSinkhole(), nil)
	for round := range 4 {
		for _, p := range paths {
			write(t, p, "again\n")
		}
		wait(t, "all lines", func() bool { return r.sink.count() >= (round+3)*len(paths) })
	}
	// The pattern does not find them any more, so their handles are kept or
	// found again by their numbers.
	for _, p := range paths {
		write(t, p, "last\n")
		rename(t, p, p+".1")
	}
	wait(t, "the rest", func() bool { return r.sink.count() >= 7*len(paths) })
	wait(t, "all to be forgotten", func() bool { return len(r.src.Stats()) == 0 })
	if n := r.sink.count(); n != 7*len(paths) {
		t.Errorf("%d lines, want %d", n, 7*len(paths))
	}
}

// TestRotateWait: a deleted file is held until its writer is done, and its last
// line needs no newline then.
func TestRotateWait(t *testing.T) {
	w := &rotator{t: t, path: filepath.Join(t.TempDir(), "app.log")}
	w.open()
	defer func() { w.f.Close() }()
	w.lines(w.f, 1)
	// Long enough for a writer, which is this test, that is held up.
	r := start(t, quick(Config{Paths: []string{w.path}, RotateWait: 3 * time.Second}), newSinkhole(), nil)
	wait(t, "the first line", func() bool { return r.sink.count() == 1 })
	old := w.f
	second := &rotator{t: t, path: w.path, f: mustDup(t, old)}
	rotations["delete, recreate"](second)
	defer func() { second.f.Close() }()
	old.WriteString("more\nand the ")
	wait(t, "what came after the deletion", func() bool { return r.sink.count() == 2 })
	old.WriteString("rest")
	wait(t, "the last line", func() bool { return r.sink.count() == 3 })
	if got := r.sink.got()[2]; got != "and the rest" {
		t.Errorf("got %q", got)
	}
}

// TestFewHandlesCopyTruncate: a file that may be a copy can be closed like any
// other, and is found all the same when its original is truncated.
func TestFewHandlesCopyTruncate(t *testing.T) {
	dir := t.TempDir()
	const logs, rounds = 8, 4
	// The pattern finds the copies too.
	r := start(t, quick(Config{Paths: []string{dir + "/*.log*"}, MaxOpen: 1, RotateWait: 3 * time.Second}), newSinkhole(), nil)
	n := 0
	for round := range rounds {
		for i := range logs {
			path := filepath.Join(dir, fmt.Sprintf("%d.log", i))
			write(t, path, fmt.Sprintf("log %d round %d\n", i, round))
		}
		n += logs
		wait(t, "a round", func() bool { return r.sink.count() >= n })
		if round == rounds-1 {
			break
		}
		for i := range logs {
			path := filepath.Join(dir, fmt.Sprintf("%d.log", i))
			copyFile(t, path, fmt.Sprintf("%s.%d", path, round))
		}
		sleepTick()
		for i := range logs {
			os.Truncate(filepath.Join(dir, fmt.Sprintf("%d.log", i)), 0)
		}
	}
	if got := r.sink.count(); got != n {
		t.Errorf("%d lines, want %d:\n%.600q\n%s", got, n, r.sink.got(), r.log)
	}
}
