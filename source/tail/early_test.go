package tail

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// TestOldGenerationsStayUnread: what was rotated before there was anything to
// follow is not read when the log comes at last.
func TestOldGenerationsStayUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path+".1", "old\n")
	sleepTick()
	sleepTick()
	r := start(t, Config{Paths: []string{path}, Poll: time.Hour, IdlePoll: time.Hour}, newSinkhole(), source.MemCheckpoints())
	wait(t, "a warning", func() bool { return strings.Contains(r.log.String(), "does not exist") })
	sleepTick()
	write(t, path, "new\n")
	r.await("new")
}

// TestOvertakenAfterARestart: a file that was empty before a restart and after it
// is written, copied and truncated between two looks. The copy is read first.
func TestOvertakenAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "")
	store := source.MemCheckpoints()
	cfg := Config{Paths: []string{path}, NoWatch: true, Poll: 300 * time.Millisecond, IdlePoll: 300 * time.Millisecond}
	r := start(t, cfg, newSinkhole(), store)
	wait(t, "a cursor", func() bool {
		r.saver.Save(t.Context())
		for range store.All(t.Context()) {
			return true
		}
		return false
	})
	r.stop()
	r = start(t, cfg, newSinkhole(), store)
	wait(t, "the file", func() bool { st := r.src.Stats(); return len(st) == 1 && st[0].State == Idle })
	sleepTick()
	write(t, path, "1\n")
	copyFile(t, path, path+".1")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "2\n")
	r.await("1", "2")
}

// TestAnnouncedAndCopied: a file of which nothing was delivered yet is copied and
// truncated, and what it holds then is known too. After a restart the copy is
// read, and first.
func TestAnnouncedAndCopied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	store := source.MemCheckpoints()
	sink := newSinkhole()
	sink.hold = true
	cfg := quick(Config{Paths: []string{path}})
	write(t, path, "1\n")
	r := start(t, cfg, sink, store)
	wait(t, "the first line", func() bool { return sink.count() == 1 })
	copyFile(t, path, path+".1")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "2\n")
	wait(t, "the second line", func() bool { return sink.count() == 2 })
	r.stop()
	known := 0
	for range store.All(t.Context()) {
		known++
	}
	if known != 2 {
		t.Fatalf("%d files have a cursor, want 2", known)
	}
	r = start(t, cfg, newSinkhole(), store)
	r.await("1", "2")
}

// TestRotatedWhileAbsent: a restart in the middle of a rotation finds nothing at
// the path. What comes there later is read, and nothing that was read before.
func TestRotatedWhileAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	store := source.MemCheckpoints()
	for i := range 3 { // older ones, which are not to come again
		write(t, fmt.Sprintf("%s.%d", path, 4-i), fmt.Sprintf("old %d\n", i))
		sleepTick()
	}
	write(t, path, "1\n")
	cfg := Config{Paths: []string{path}, Poll: time.Hour, IdlePoll: time.Hour}
	r := start(t, cfg, newSinkhole(), store)
	r.await("1")
	r.stop()
	rename(t, path, path+".1")
	write(t, path+".1", "2\n")
	r = start(t, cfg, newSinkhole(), store)
	r.await("2")
	write(t, path, "3\n")
	r.await("2", "3")
	wait(t, "rest", func() bool {
		return !slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.State != Idle && s.State != Rotated })
	})
	r.await("2", "3")
}

// TestNumberOfADeletedFile: what was given the number of a file that was closed
// and deleted is not taken for that one.
func TestNumberOfADeletedFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a", "new\n")
	st, err := statPath(dir + "/a")
	if err != nil {
		t.Fatal(err)
	}
	s := &scanner{plan: &plan{contentOf: func(f *os.File) io.ReaderAt { return f }}, src: &Source{}, byID: map[identity]*file{}, buf: make([]byte, printMax)}
	for _, old := range []string{"old\n", "new\n"} {
		s.byID[st.id] = &file{id: st.id, at: dir + "/gone", print: printOf([]byte(old))}
		c := s.openUnknown(dir + "/a")
		if found := c != nil; found != (old == "old\n") {
			t.Errorf("a file that held %q is known, and another is found: %v", old, found)
		}
		if c != nil {
			c.h.Close()
		}
	}
}
