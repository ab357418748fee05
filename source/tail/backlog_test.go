package tail

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// backlog writes a log that was rotated three times, the last two compressed,
// and returns its lines.
func backlog(t *testing.T, path string) (lines []string) {
	t.Helper()
	for i, suffix := range []string{".3.gz", ".2.gz", ".1", ""} {
		_, more := many(100*i, 100)
		for i := range more {
			more[i] += " of " + filepath.Base(path)
		}
		text := strings.Join(more, "\n") + "\n"
		if strings.HasSuffix(suffix, ".gz") {
			text = string(gzipOf(t, text))
		}
		write(t, path+suffix, text)
		lines = append(lines, more...)
	}
	return lines
}

func rested(r *run, path string) func() bool {
	return func() bool {
		st := r.src.Stats()
		return len(st) == 1 && st[0].Path == path && st[0].State == Idle && st[0].Lag == 0
	}
}

// TestRotated: what was rotated away before a log was found is read before it,
// in order and once, also if the reader is stopped in between.
func TestRotated(t *testing.T) {
	for _, old := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "app.log")
		lines := backlog(t, path)
		if old {
			for _, suffix := range []string{".3.gz", ".2.gz", ".1", ""} {
				age(t, path+suffix, time.Hour)
			}
		}
		store := source.MemCheckpoints()
		cfg := quick(Config{Paths: []string{path}, Rotated: true})
		sink := newSinkhole()
		sink.hold = true
		r := start(t, cfg, sink, store)
		wait(t, "the first file", func() bool { return sink.count() > 0 })
		r.stop()
		sink.settle(errLost)
		r = start(t, cfg, newSinkhole(), store)
		r.await(lines...)
		wait(t, "the end", rested(r, path))
		r.stop()
		write(t, path, "new\n")
		r = start(t, cfg, newSinkhole(), store)
		r.await("new")
		wait(t, "the end", rested(r, path))
		r.await("new")
	}
}

// TestRotatedLater: the same for a log that is accepted, or comes, later, and for
// one that came while the program was down.
func TestRotatedLater(t *testing.T) {
	dir := t.TempDir()
	store := source.MemCheckpoints()
	var g gatekeeper
	waits, comes, down := dir+"/waits.log", dir+"/comes.log", dir+"/down.log"
	want := backlog(t, waits)
	cfg := quick(Config{Paths: []string{dir + "/*.log"}, Rotated: true, Accept: g.accept})
	r := start(t, cfg, newSinkhole(), store)
	wait(t, "the first look", func() bool { return g.times(waits) > 0 })
	g.let(waits)
	r.src.Reconsider(waits)
	r.await(want...)
	g.let(comes)
	want = append(want, backlog(t, comes)...)
	r.await(want...)
	wait(t, "the end", func() bool { return len(r.src.Stats()) == 2 })
	r.stop()
	g.let(down)
	want = backlog(t, down)
	r = start(t, cfg, newSinkhole(), store)
	r.await(want...)
}

// TestRotatedFromEnd: what is left out has no generations.
func TestRotatedFromEnd(t *testing.T) {
	dir := t.TempDir()
	var g gatekeeper
	now, later, made := dir+"/now.log", dir+"/later.log", dir+"/made.log"
	backlog(t, now)
	backlog(t, later)
	g.let(now)
	store := source.MemCheckpoints()
	cfg := quick(Config{Paths: []string{dir + "/*.log"}, Rotated: true, From: End, Accept: g.accept})
	r := start(t, cfg, newSinkhole(), store)
	wait(t, "the first look", func() bool { return g.times(later) > 0 })
	g.let(later)
	r.src.Reconsider(later)
	write(t, now, "a\n")
	r.await("a")
	write(t, later, "b\n")
	r.await("a", "b")
	want := append([]string{"a", "b"}, backlog(t, made)...)
	g.let(made)
	r.await(want...)
	r.stop()
	r = start(t, cfg, newSinkhole(), store)
	write(t, now, "c\n")
	r.await("c")
	if got := r.sink.got(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("got %q", got)
	}
}

// age has the file at path changed last that long ago.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
