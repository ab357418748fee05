package tail

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/logferry/logferry/source"
)

// TestWatchJoin: the reader closes its channels last, one after the other.
func TestWatchJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{w: &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}}
		go func() {
			time.Sleep(1300 * time.Millisecond)
			w.w.Events <- fsnotify.Event{Name: "one it was about to send"}
			close(w.w.Events)
			time.Sleep(1400 * time.Millisecond)
			close(w.w.Errors)
		}()
		begun := time.Now()
		w.join()
		if took := time.Since(begun); took != 2700*time.Millisecond {
			t.Errorf("join took %v, want 2.7s", took)
		}
	})
}

// TestWatchCloseJoins: when close returns, fsnotify's reader has ended.
func TestWatchCloseJoins(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		w, err := newWatch()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.add(dir); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "f"), "x")
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		select {
		case _, open := <-w.w.Events:
			if open {
				t.Fatalf("round %d: an event after close", i)
			}
		default:
			t.Fatalf("round %d: the reader is still at work", i)
		}
	}
}

// TestFolderAnew: a folder that was deleted and made again gets its events
// again. Polling does not help here.
func TestFolderAnew(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	cfg := Config{Paths: []string{dir + "/*/*.log"}, Poll: time.Hour, IdlePoll: time.Hour, RotateWait: 50 * time.Millisecond}
	mkdir(t, sub)
	write(t, sub+"/a.log", "1\n")
	r := start(t, cfg, newSinkhole(), nil)
	r.await("1")
	want := []string{"1"}
	for _, next := range []string{"2", "3"} {
		if err := os.RemoveAll(sub); err != nil {
			t.Fatal(err)
		}
		wait(t, "the file to be forgotten", func() bool { return len(r.src.Stats()) == 0 })
		mkdir(t, sub)
		write(t, sub+"/b.log", next+"\n")
		want = append(want, next)
		r.await(want...)
		write(t, sub+"/b.log", "+"+next+"\n") // only an event of the folder tells
		want = append(want, "+"+next)
		r.await(want...)
	}
}

// TestFolderReplaced: no event tells that a folder went away with the one it is
// in, and another came. A look does.
func TestFolderReplaced(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "a", "sub")
	mkdir(t, sub)
	s := newIdleScanner(t, Config{Paths: []string{sub + "/*.log"}})
	s.look(time.Now())
	rename(t, dir+"/a", dir+"/b")
	mkdir(t, sub)
	s.look(time.Now())
	write(t, sub+"/x.log", "")
	expectEvent(t, s.watch, sub+"/x.log")

	// One that no pattern leads to is looked after all the same.
	rename(t, dir+"/a", dir+"/c")
	s.look(time.Now())
	if list := s.watch.w.WatchList(); len(s.watched) != 0 || len(list) != 0 {
		t.Errorf("%d folders remembered and %q watched, want none", len(s.watched), list)
	}
}

// TestFolderOutOfReach: what cannot be watched is told once, and what is no
// folder never is watched.
func TestFolderOutOfReach(t *testing.T) {
	dir := t.TempDir()
	loop, plain := filepath.Join(dir, "loop"), filepath.Join(dir, "plain")
	s := newIdleScanner(t, Config{Paths: []string{loop + "/a.log", plain + "/a.log"}})
	var log logBuffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	if err := os.Symlink(loop, loop); err != nil {
		t.Skip(err)
	}
	write(t, plain, "")
	for range 3 {
		s.look(time.Now())
	}
	if n := strings.Count(log.String(), "no events of a folder"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, &log)
	}
	if list := s.watch.w.WatchList(); len(list) != 0 {
		t.Errorf("%q is watched", list)
	}
}

// TestFoldersAfterOverflow: events that were lost may have told that a folder
// is another one, by the same number.
func TestFoldersAfterOverflow(t *testing.T) {
	dir := t.TempDir()
	s := newIdleScanner(t, Config{Paths: []string{dir + "/*.log"}})
	s.look(time.Now())
	if err := s.watch.w.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.hinted(hints{missed: true}, time.Now())
	s.look(time.Now())
	if list := s.watch.w.WatchList(); !slices.Equal(list, []string{dir}) {
		t.Errorf("%q is watched, want %s", list, dir)
	}
}

// TestFailuresForgotten: what cannot be read and then vanishes is no failure
// any more, though no event tells. What is given by name is waited for.
func TestFailuresForgotten(t *testing.T) {
	dir := t.TempDir()
	odd, awaited := filepath.Join(dir, "odd.log"), filepath.Join(dir, "awaited.txt")
	if err := os.Symlink("/dev/null", odd); err != nil {
		t.Skip(err)
	}
	r := start(t, quick(Config{Paths: []string{dir + "/*.log", awaited}, NoWatch: true}), newSinkhole(), nil)
	failed := func() (paths []string) {
		for _, st := range r.src.Stats() {
			if st.State == Failed {
				paths = append(paths, st.Path)
			}
		}
		return paths
	}
	wait(t, "both failures", func() bool { return slices.Equal(failed(), []string{awaited, odd}) })
	if err := os.Remove(odd); err != nil {
		t.Fatal(err)
	}
	wait(t, "one failure to go", func() bool { return slices.Equal(failed(), []string{awaited}) })
	write(t, awaited, "a\n")
	r.await("a")
	wait(t, "no failure", func() bool { return len(failed()) == 0 })
}

// TestFailureOfFollowedFile: a look keeps the failure of a file that is
// followed, and drops it with the file.
func TestFailureOfFollowedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.log")
	write(t, path, "a\n")
	s := newIdleScanner(t, Config{Paths: []string{dir + "/*.log"}})
	now := time.Now()
	s.look(now)
	f := s.spots[path].cur
	s.broken(f, fs.ErrPermission, now)
	s.look(now)
	if err := s.src.failed[path]; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("failure %v, want %v", err, fs.ErrPermission)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.visit(path, now)
	s.drop(f)
	s.look(now)
	if len(s.src.failed) != 0 {
		t.Errorf("failures %v, want none", s.src.failed)
	}
}

// newIdleScanner makes a scanner that looks only when it is told to.
func newIdleScanner(t *testing.T, cfg Config) *scanner {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	saver, err := source.NewSaver(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := source.NewOutlet(source.OutletConfig{Name: "tail", Saver: saver, Logger: slog.New(slog.DiscardHandler)})
	s := newScanner(src, out, nil, nil)
	if s.watch, err = newWatch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// expectEvent waits for an event that names path.
func expectEvent(t *testing.T, w *watch, path string) {
	t.Helper()
	deadline := time.After(patience)
	var e fsnotify.Event
	for e.Name != path {
		select {
		case e = <-w.w.Events:
		case <-deadline:
			t.Fatalf("no event names %s", path)
		}
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
