//go:build linux

package nxtail_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	nxadm "github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/sourcetest"
)

const (
	turns = 3 // of the log, in one try
	// tries is how often a known failure is tried: on a busy machine all may have been read before each turn.
	tries = 5
)

// What the source makes of rotation. A rename loses nothing: the finder opens what
// appears, and each file is read to its end.
func TestRotation(t *testing.T) {
	t.Parallel()
	for _, r := range rotations {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if !r.copied {
				if c := follow(t, r); c != (tally{written: c.written}) {
					t.Error("a rename loses nothing and repeats nothing: ", c)
				}
				return
			}
			if !losesLines(t, func() tally { return follow(t, r) }) {
				t.Error("known failure: a copytruncate loses what was not read; now it does not, and doc.go is to be changed")
			}
		})
	}
}

// losesLines reports whether a try loses lines.
func losesLines(t *testing.T, try func() tally) bool {
	for range tries {
		c := try()
		t.Log(c)
		if c.lost > 0 {
			return true
		}
	}
	return false
}

// follow has the source follow a log that is rotated, whose author is never so late that a busy machine has the source
// miss a file, or end one too soon, as doc.go says it may.
func follow(t *testing.T, r rotation) tally {
	path := filepath.Join(t.TempDir(), "app.log")
	src, err := nxtail.New(nxtail.Config{Paths: []string{path}, RotateWait: 12 * watch.POLL_DURATION})
	if err != nil {
		t.Fatal(err)
	}
	rec := new(sourcetest.Receiver)
	sourcetest.Start(t, src, rec, source.MemCheckpoints())
	r.found = func() { waitFor(t, func() bool { return descriptors(t, path) >= 2 }) } // one is the author's
	written := r.work(t, path, turns)
	return count(written, waitLast(t, rec, written-1))
}

// waitLast waits until the line of that number has arrived, and returns all that
// have.
func waitLast(t *testing.T, rec *sourcetest.Receiver, last int) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := 0
	err := rec.Wait(ctx, func() bool {
		for parcels := rec.Arrived(); at < len(parcels); at++ {
			lines = append(lines, parcels[at].Lines()...)
		}
		return slices.ContainsFunc(lines[max(0, len(lines)-1):], func(l string) bool { n, _ := number(l); return n == last })
	})
	if err != nil {
		t.Fatalf("line %d, the last, has not come: %v", last, err)
	}
	return lines
}

// What nxadm/tail by itself makes of it, set up as is usual, in polling mode. Of
// this, doc.go tells.
func TestKnownFailureRotation(t *testing.T) {
	t.Parallel()
	for _, r := range rotations {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if !losesLines(t, func() tally { return followBare(t, r) }) {
				t.Error("known failure: nxadm/tail loses lines at rotation; now it does not, and doc.go is to be changed")
			}
		})
	}
}

// followBare has nxadm/tail follow a log that is rotated.
func followBare(t *testing.T, r rotation) tally {
	path := filepath.Join(t.TempDir(), "app.log")
	tl, err := nxadm.TailFile(path, nxadm.Config{Follow: true, ReOpen: true, Poll: true, CompleteLines: true,
		Logger: nxadm.DiscardingLogger})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for l := range tl.Lines {
			mu.Lock()
			lines = append(lines, l.Text)
			mu.Unlock()
		}
	}()
	written := r.work(t, path, turns)
	waitFor(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := -1
		if len(lines) > 0 {
			n, _ = number(lines[len(lines)-1])
		}
		return n == written-1
	})
	tl.Stop()
	<-read
	time.Sleep(2 * watch.POLL_DURATION) // nothing else joins its watcher
	return count(written, lines)
}

// waitFor asks again and again: nothing tells when nxadm/tail has come so far.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v without it", patience)
		}
	}
}
