package tail

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	store := source.MemCheckpoints()
	step := func(prepare func(), want ...string) {
		t.Helper()
		prepare()
		r := start(t, quick(Config{Paths: []string{path}}), newSinkhole(), store)
		r.await(want...)
		r.stop()
	}
	step(func() { write(t, path, "1\n2\n") }, "1", "2")
	step(func() { write(t, path, "3\n4") }, "3")
	step(func() { write(t, path, "\n") }, "4")
	step(func() {
		write(t, path, "5\n")
		rename(t, path, path+".1")
		write(t, path, "6\n")
	}, "5", "6")
	step(func() {
		write(t, path, "7\n"+strings.Repeat("x", 200)+"\n")
	}, "7", strings.Repeat("x", 200))
	step(func() { // copied and truncated
		write(t, path, "8\n")
		copyFile(t, path, path+".1")
		os.Truncate(path, 0)
		write(t, path, "9\n")
	}, "8", "9")
	step(func() { // rotated three times
		write(t, path, "10\n")
		os.Remove(path + ".1")
		rename(t, path, path+".3")
		sleepTick()
		write(t, path+".2", "11\n")
		sleepTick()
		write(t, path+".1", "12\n")
		sleepTick()
		write(t, path, "13\n")
	}, "10", "11", "12", "13")
	step(func() { // truncated, nothing kept
		os.Truncate(path, 0)
		write(t, path, "14\n")
	}, "14")
	step(func() { // replaced by another, probably with the same inode
		os.Remove(path)
		write(t, path, "15\n16\n17\n")
	}, "15", "16", "17")
}

// sleepTick lets the clock of the file system tick.
func sleepTick() { time.Sleep(20 * time.Millisecond) }

func TestFromEnd(t *testing.T) {
	dir := t.TempDir()
	store := source.MemCheckpoints()
	write(t, dir+"/a", "old\nunfin")
	write(t, dir+"/b", "")
	r := start(t, quick(Config{Paths: []string{dir + "/*"}, From: End}), newSinkhole(), store)
	wait(t, "both files", func() bool {
		st := r.src.Stats()
		return len(st) == 2 && st[0].State == Idle && st[0].Acked == 4 && st[1].State == Idle
	})
	write(t, dir+"/a", "ished\n")
	r.await("unfinished")
	write(t, dir+"/c", "new\n")
	r.await("unfinished", "new")
	r.stop()
	write(t, dir+"/b", "while down\n")
	r = start(t, quick(Config{Paths: []string{dir + "/*"}, From: End}), newSinkhole(), store)
	r.await("while down")
}

func TestBadCursor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "a\nb\n")
	store := source.MemCheckpoints()
	store.Save(t.Context(), map[string]string{"tail/" + path + "#x": "1 zz"}, nil)
	r := start(t, quick(Config{Paths: []string{path}, From: End}), newSinkhole(), store)
	r.await("a", "b")
	if !strings.Contains(r.log.String(), "cursor cannot be read") {
		t.Errorf("not reported: %s", r.log)
	}
	r.stop()
	for name, text := range store.All(t.Context()) {
		if _, err := parseCursor(text); err != nil {
			t.Errorf("%s still has %q", name, text)
		}
	}
}

// TestLostBatchIsReadAgain: nothing follows the lost batch, so nothing but a
// question can tell.
func TestLostBatchIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "a\nb\n")
	sink := newSinkhole()
	sink.hold = true
	r := start(t, quick(Config{Paths: []string{path}}), sink, nil)
	wait(t, "the lines", func() bool { return sink.count() == 2 })
	sink.setHold(false)
	sink.settle(errLost)
	r.await("a", "b", "a", "b")
	wait(t, "delivery", func() bool { return r.src.Stats()[0].Lag == 0 })
}

// TestRunAgain: after a failure the same source is run again, and what was
// delivered meanwhile is not sent twice.
func TestRunAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "a\nb\n")
	sink := newSinkhole()
	sink.hold = true
	r := start(t, quick(Config{Paths: []string{path}}), sink, nil)
	wait(t, "the lines", func() bool { return sink.count() == 2 })
	out := r.out
	r.cancel()
	<-r.done
	if got := r.src.Stats(); len(got) != 0 {
		t.Errorf("stats between runs: %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- out.Run(ctx, r.src) }()
	sink.setHold(false)
	sink.settle(nil)
	write(t, path, "c\n")
	r.await("a", "b", "c")
	cancel()
	<-done
}

// TestKills stops at random points, losing what is in flight, and wants each
// line at least once, and again only if it had not been acknowledged.
func TestKills(t *testing.T) {
	for _, kind := range []string{"memory", "file"} {
		t.Run(kind, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 2))
			dir := t.TempDir()
			w := &rotator{t: t, path: filepath.Join(dir, "app.log")}
			w.open()
			defer w.close()
			mem := source.MemCheckpoints()
			var mu sync.Mutex
			acked := map[string]bool{}
			for range 12 {
				var store source.Checkpoints = mem
				if kind == "file" {
					f, err := source.NewFileCheckpoints(filepath.Join(dir, "cursors"))
					if err != nil {
						t.Fatal(err)
					}
					defer f.Close()
					store = f
				}
				sink := newSinkhole()
				left := 1 + rnd.IntN(40)
				sink.gate = func(ctx context.Context, b *batch.Batch) error {
					mu.Lock()
					defer mu.Unlock()
					if left--; left < 0 {
						return errLost
					}
					for i := range b.Entries {
						line := string(b.Entries[i].Line)
						if acked[line] {
							t.Errorf("%q was acknowledged before", line)
						}
						acked[line] = true
					}
					return nil
				}
				r := start(t, quick(Config{Paths: []string{w.path}}), sink, store)
				w.lines(w.f, 2000)
				if rnd.IntN(2) == 0 {
					// Else what is rotated away was perhaps never seen.
					wait(t, "the first read", func() bool {
						mu.Lock()
						defer mu.Unlock()
						return left < 0 || len(acked) > w.n-2000
					})
				}
				switch rnd.IntN(3) {
				case 0:
					rotations["rename"](w)
				case 1:
					rotations["copytruncate"](w)
				}
				w.lines(w.f, 2000)
				wait(t, "a kill", func() bool {
					mu.Lock()
					defer mu.Unlock()
					return left < 0 || len(acked) >= w.n
				})
				r.stop()
				if f, ok := store.(*source.FileCheckpoints); ok {
					f.Close()
				}
				sleepTick()
			}
			r := start(t, quick(Config{Paths: []string{w.path}}), newSinkhole(), mem)
			if kind == "file" {
				r.stop()
				f, err := source.NewFileCheckpoints(filepath.Join(dir, "cursors"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				r = start(t, quick(Config{Paths: []string{w.path}}), newSinkhole(), f)
			}
			missing := func() (n int) {
				mu.Lock()
				defer mu.Unlock()
				for _, line := range r.sink.got() {
					acked[line] = true
				}
				known := map[int]bool{}
				for line := range acked {
					if n, _, ok := parseNumbered(line); ok {
						known[n] = true
					}
				}
				return w.n - len(known)
			}
			deadline := time.Now().Add(patience)
			for missing() > 0 && time.Now().Before(deadline) {
				time.Sleep(10 * time.Millisecond)
			}
			if n := missing(); n > 0 {
				t.Errorf("%d of %d lines lost; log:\n%s", n, w.n, r.log)
			}
			r.stop()
		})
	}
}

// TestBlockedRoute: rotation is noticed while every reader waits for a route.
func TestBlockedRoute(t *testing.T) {
	for name, rotate := range rotations {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := &rotator{t: t, path: filepath.Join(dir, "app.log")}
			w.open()
			defer w.close()
			w.lines(w.f, 50)
			open := make(chan struct{})
			sink := newSinkhole()
			sink.gate = until(open)
			r := start(t, quick(Config{Paths: []string{w.path}}), sink, nil)
			for range 3 {
				wait(t, "the file", func() bool {
					return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Path == w.path && s.Size > 0 })
				})
				rotate(w)
				w.lines(w.f, 50)
				sleepTick()
				sleepTick()
			}
			wait(t, "all generations", func() bool { return len(r.src.Stats()) == 4 || name == "copytruncate" })
			close(open)
			wait(t, "all lines", func() bool { return sink.count() >= w.n })
			got := sink.got()
			slices.Sort(got)
			if got = slices.Compact(got); len(got) != w.n || sink.count() != w.n {
				t.Errorf("%d lines, %d different ones, want %d; log:\n%s", sink.count(), len(got), w.n, r.log)
			}
		})
	}
}

func TestTrouble(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("as root nothing is unreadable: only other kinds of files are tried")
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/null", dir+"/null.log"); err != nil {
		t.Skip(err)
	}
	write(t, dir+"/good.log", "a\n")
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}}), newSinkhole(), nil)
	r.await("a")
	wait(t, "a failure", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool {
			return s.State == Failed && errors.Is(s.Err, errNotRegular) && s.Path == dir+"/null.log"
		})
	})
	os.Remove(dir + "/null.log")
	write(t, dir+"/null.log", "b\n")
	r.await("a", "b")
	if n := strings.Count(r.log.String(), "cannot read a file"); n != 1 {
		t.Errorf("complained %d times:\n%s", n, r.log)
	}
}
