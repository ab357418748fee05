package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// TestMaxOpen: however many files there are, few are open, each is opened again when it is needed, and the one that is used
// most stays open.
func TestMaxOpen(t *testing.T) {
	r := newRig(t, Config{Path: "{app}/{n}.log", MaxOpen: 4})
	busy := batch.MustLabels("app", "busy")
	b := batch.New(r.pool, batch.Labels{})
	want := 0
	for i := range 300 {
		part := r.of(batch.MustLabels("app", "many", "n", fmt.Sprint(i%100)), fmt.Sprint(i))
		b.Merge(part, nil)
		b.Merge(r.of(busy, fmt.Sprint(i)), nil)
		want++
	}
	defer b.Settle(nil)
	if err := r.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		r.put(noon, batch.MustLabels("app", "many", "n", fmt.Sprint(i)), "again")
		r.put(noon, busy, "again")
	}
	if s := r.Stats(); s.Open > 4 || s.Opened > 101+50+1 {
		t.Errorf("%+v", s)
	}
	if n := len(readLines(t, r.dir+"/busy")); n != 350 {
		t.Errorf("%d lines", n)
	}
	if got, want := readFile(t, r.dir+"/many/7.log"), []string{"7", "107", "207", "again"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := len(r.shelf.logs); n != r.shelf.open {
		t.Errorf("%d logs are remembered, %d are open", n, r.shelf.open)
	}
	r.shut()
	if len(r.shelf.logs) != 0 || r.shelf.open != 0 || r.shelf.newest != nil {
		t.Errorf("after Close: %d logs, %d open", len(r.shelf.logs), r.shelf.open)
	}
}

// TestConcurrentWrites: many Writes to a few files, which are rotated, evicted, flushed and looked after meanwhile, as a
// pipeline has them; the lines of each stream stay in order.
func TestConcurrentWrites(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncEvery, SyncBatch} {
		r := newRig(t, Config{Path: "{app}.log", Sync: policy, SyncInterval: time.Millisecond, MaxOpen: 2, Rotate: Rotate{Bytes: 200}, Compress: Zstd})
		sup := lifecycle.New(lifecycle.Config{})
		if err := r.Start(t.Context(), sup); err != nil {
			t.Fatal(err)
		}
		const streams, batches = 9, 40
		var writers []*lifecycle.Handle
		for stream := range streams {
			writers = append(writers, sup.Go("writer", func(ctx context.Context) error {
				l := batch.MustLabels("app", fmt.Sprint("app", stream%3), "stream", fmt.Sprint(stream))
				for n := range batches {
					b := r.of(l, fmt.Sprint(stream, " ", 2*n), fmt.Sprint(stream, " ", 2*n+1))
					err := r.Write(ctx, b)
					b.Settle(nil)
					if err != nil {
						return err
					}
				}
				return nil
			}))
		}
		for _, w := range writers {
			if err := w.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if s := r.Stats(); s.Open > 2 {
			t.Errorf("%d files are open", s.Open)
		}
		r.shut()
		if err := sup.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		byStream := map[string][]string{}
		names := r.names()
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(inOrder(a), inOrder(b)) })
		for _, name := range names {
			for _, line := range r.linesOf(name) {
				stream, n, _ := strings.Cut(line, " ")
				byStream[stream] = append(byStream[stream], n)
			}
		}
		for stream := range streams {
			got := byStream[fmt.Sprint(stream)]
			for n := range 2 * batches {
				if n >= len(got) || got[n] != fmt.Sprint(n) {
					t.Fatalf("stream %d: %q", stream, got)
				}
			}
		}
		if s := r.Stats(); s.Entries != 2*streams*batches || s.Rotations < 10 {
			t.Errorf("%+v", s)
		}
	}
}

// TestSharedFlush: while one Write flushes, others write; one flush is for all of these.
func TestSharedFlush(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Sync: SyncBatch})
	r.put(noon, shop, "first")
	var syncs atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	r.disk.fault = func(_ int, op string) error {
		if op == "sync" && syncs.Add(1) == 1 {
			r.disk.mu.Unlock() // others may use the disk
			close(begun)
			<-goOn
			r.disk.mu.Lock()
		}
		return nil
	}
	sup := lifecycle.New(lifecycle.Config{})
	write := func(line string) *lifecycle.Handle {
		return sup.Go("writer", func(context.Context) error { return r.try(noon, shop, line) })
	}
	writers := []*lifecycle.Handle{write("second")}
	<-begun
	for i := range 10 {
		writers = append(writers, write(fmt.Sprint(i)))
	}
	l := r.shelf.all()[0]
	defer r.shelf.release(l)
	for waiting := 0; waiting < 12; { // those that write, and this test
		r.shelf.mu.Lock()
		waiting = l.users
		r.shelf.mu.Unlock()
		runtime.Gosched()
	}
	close(goOn)
	for _, w := range writers {
		if err := w.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := sup.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := syncs.Load(); n > 8 {
		t.Errorf("%d flushes for 11 Writes", n)
	}
}

// TestLostFlush: when a flush fails, all that wrote since the last good one hear of it, nobody else does, and what they
// write again is there once.
func TestLostFlush(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log", Sync: SyncBatch})
	r.put(noon, shop, "kept")
	r.disk.fault = func(_ int, op string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	for range 20 { // more than are remembered one by one
		if err := r.try(noon, shop, "lost", "too"); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		r.file("shop.log", "kept")
	}
	r.disk.fault = nil
	r.put(noon, shop, "lost", "too")
	r.file("shop.log", "kept", "lost", "too")
	if s := r.Stats(); s.SyncFailures != 20 || s.Entries != 3 {
		t.Errorf("%+v", s)
	}
}

// TestLostTogether: two Writes to one file, whose lines the same flush was for, both hear that it failed.
func TestLostTogether(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log", Sync: SyncBatch})
	var jobs []*job
	for _, line := range []string{"one", "two"} {
		b := r.of(shop, line)
		defer b.Settle(nil)
		j := r.jobs.Get().(*job)
		j.divide(b, noon)
		j.put(t.Context(), noon)
		jobs = append(jobs, j)
	}
	r.disk.fault = func(_ int, op string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	jobs[0].flush(t.Context())
	r.disk.fault = nil
	r.put(noon, shop, "three") // is on the medium, and says nothing of what was lost
	jobs[1].flush(t.Context())
	for _, j := range jobs {
		if err := j.outcome(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v", err)
		}
		j.reset()
	}
	r.put(noon, shop, "one", "two")
	r.file("shop.log", "three", "one", "two")
}

// TestNewNames: with SyncBatch the name of a new file, and those of the folders it is in, are on the medium too, before a
// Write returns, and that once.
func TestNewNames(t *testing.T) {
	r := newRig(t, Config{Path: "{app}/{n}/x.log", Sync: SyncBatch, Rotate: Rotate{Bytes: 10}})
	flushes := func(lines ...string) (n int) {
		r.disk.fault = func(_ int, op string) error {
			if op == "sync folder" {
				n++
			}
			return nil
		}
		r.put(noon, shop, lines...)
		return n
	}
	for _, test := range []struct {
		line string
		want int
	}{{"1", 3}, {"2", 0}, {"a new file", 3}} {
		if got := flushes(test.line); got != test.want {
			t.Errorf("%q: %d folders are flushed, want %d", test.line, got, test.want)
		}
	}
}

// TestNamesOfOthers: the name of a file that was there may not be on the medium, either: whoever made it may have been killed
// before that, or have failed to open it.
func TestNamesOfOthers(t *testing.T) {
	r := newRig(t, Config{Path: "x.log", Sync: SyncBatch})
	r.plant("x.log", "", noon)
	flushed := 0
	r.disk.fault = func(_ int, op string) error {
		if op == "sync folder" {
			flushed++
		}
		return nil
	}
	r.put(noon, shop, "1")
	r.put(noon, shop, "2")
	if flushed != 1 {
		t.Errorf("the folder is flushed %d times, want once", flushed)
	}
}

func TestLosses(t *testing.T) {
	var ls losses
	for i := range uint64(40) {
		ls.add(loss{10 * i, 10*i + 5, fmt.Errorf("%d", i)})
	}
	if len(ls) != maxLosses || ls.of(396) != nil || ls.of(390) != nil || ls.of(395).Error() != "39" || ls.of(391).Error() != "39" || ls.of(1) == nil {
		t.Errorf("%v", ls)
	}
}

// TestPartial: what one file does not take is reported by entry, and the rest is written.
func TestPartial(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log"})
	if err := os.Mkdir(filepath.Join(r.dir, "bad.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := batch.New(r.pool, batch.Labels{})
	b.Merge(r.of(shop, "0", "1"), nil)
	b.Merge(r.of(batch.MustLabels("app", "bad"), "2", "3"), nil)
	b.Merge(r.of(shop, "4"), nil)
	b.Merge(r.of(batch.MustLabels("app", "bad"), "5"), nil)
	defer b.Settle(nil)
	err := r.Write(t.Context(), b)
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok || len(p.Failures) != 3 || p.Failures[0].Index != 2 || p.Failures[1].Index != 3 || p.Failures[2].Index != 5 ||
		!errors.Is(p.Failures[2].Err, errNotRegular) || !strings.Contains(p.Failures[2].Err.Error(), "bad.log") {
		t.Errorf("%v", err)
	}
	r.file("shop.log", "0", "1", "4")
}

// TestSymlinks: a link is followed within the root, and never out of it.
func TestSymlinks(t *testing.T) {
	r := newRig(t, Config{Path: "in/{app}/x.log"})
	out := filepath.Join(r.dir, "out")
	if err := errors.Join(os.MkdirAll(out, 0o700), os.MkdirAll(filepath.Join(r.dir, "in/real"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(out, filepath.Join(r.dir, "in/evil")), os.Symlink("real", filepath.Join(r.dir, "in/shop")),
		os.Symlink("../../out/x.log", filepath.Join(r.dir, "in/real/x.log"))); err != nil {
		t.Skip(err)
	}
	if err := r.try(noon, batch.MustLabels("app", "evil"), "1"); err == nil || sink.IsPermanent(err) {
		t.Errorf("through a folder: %v", err)
	}
	if err := r.try(noon, shop, "1"); err == nil {
		t.Error("through a file")
	}
	if err := os.Remove(filepath.Join(r.dir, "in/real/x.log")); err != nil {
		t.Fatal(err)
	}
	r.put(noon, shop, "1")
	r.holds("in/evil", "in/real/x.log", "in/shop")
}

// TestAliases: two logs that turn out to be one file take turns.
func TestAliases(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncEvery, SyncBatch} {
		r := newRig(t, Config{Path: "{app}.log", Sync: policy})
		if err := os.Symlink("a.log", filepath.Join(r.dir, "b.log")); err != nil {
			t.Skip(err)
		}
		for n, app := range []string{"a", "b", "b", "a", "b"} {
			r.put(noon, batch.MustLabels("app", app), fmt.Sprint(n))
		}
		r.file("a.log", "0", "1", "2", "3", "4")
		if s := r.Stats(); s.Open != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestModes: modes are exact, whatever the umask, but for folders.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has other ones")
	}
	owner := &Owner{UID: os.Getuid(), GID: os.Getgid()}
	r := newRig(t, Config{Path: "in/{app}/x.log", Mode: 0o606, FolderMode: 0o711, Owner: owner})
	r.put(noon, shop, "1")
	for name, want := range map[string]os.FileMode{"in": 0o711, "in/shop": 0o711, "in/shop/x.log": 0o606} {
		info, err := os.Stat(filepath.Join(r.dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestZeroConfig: a path is enough.
func TestZeroConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "all.log")
	s, err := New(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), sup); err == nil {
		t.Error("started twice")
	}
	b := batch.New(nil, shop)
	b.Append(time.Time{}, []byte("line"))
	if err := s.Write(t.Context(), b); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Write(t.Context(), b); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	b.Settle(nil)
	if err := sup.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := readFile(t, path); !slices.Equal(got, []string{"line"}) {
		t.Errorf("%q", got)
	}
}
