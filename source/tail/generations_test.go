package tail

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestSkippedAfterDrained: a generation that came and went while nobody looked
// is found, though the one before it had been read to its end long ago.
func TestSkippedAfterDrained(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "d.log")
		write(t, path, "1\n")
		gate := newSinkhole()
		r := start(t, Config{Paths: []string{path}, NoWatch: true, Poll: 300 * time.Millisecond, IdlePoll: 300 * time.Millisecond, RotateWait: 700 * time.Millisecond}, gate, nil)
		r.await("1")
		rename(t, path, path+".1")
		wait(t, "the rotation to be seen", func() bool {
			return forgotten != slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.State == Rotated })
		})
		if !forgotten {
			time.Sleep(400 * time.Millisecond) // a look or two
		}
		sleepTick()
		write(t, dir+"/new", "2\n")
		rename(t, path+".1", path+".2")
		rename(t, dir+"/new", path+".1")
		sleepTick()
		write(t, path, "3\n")
		r.await("1", "2", "3")
		r.stop()
	}
}

// TestLateLinesComeFirst: what is added to a rotated file before its successor
// has a line is delivered before it.
func TestLateLinesComeFirst(t *testing.T) {
	ways(t, func(t *testing.T, noWatch bool) {
		path := filepath.Join(t.TempDir(), "app.log")
		write(t, path, "1\n")
		r := start(t, quick(Config{Paths: []string{path}, NoWatch: noWatch, Poll: 100 * time.Millisecond, RotateWait: 5 * time.Second}), newSinkhole(), nil)
		r.await("1")
		old, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		rename(t, path, path+".1")
		write(t, path, "")
		wait(t, "both files", func() bool { return len(r.src.Stats()) == 2 })
		time.Sleep(150 * time.Millisecond) // the old one is read to its end again
		old.WriteString("2\n")
		write(t, path, "3\n")
		r.await("1", "2", "3")
	})
}

// TestLateLinesWakeUp: events of a renamed file are known to be its own.
func TestLateLinesWakeUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "1\n")
	r := start(t, Config{Paths: []string{path}, Poll: time.Hour, IdlePoll: time.Hour, RotateWait: 2 * time.Hour}, newSinkhole(), nil)
	r.await("1")
	rename(t, path, path+".1")
	write(t, path, "")
	wait(t, "both files", func() bool { return len(r.src.Stats()) == 2 })
	write(t, path+".1", "2\n")
	r.await("1", "2")
	rename(t, path+".1", path+".2")
	write(t, path+".2", "3\n")
	r.await("1", "2", "3")
}
