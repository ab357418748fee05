package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// meanwhile has do called once, between two ticks of the scanner of src, and returns what
// asks for it: nothing is looked at before all of it is done.
func meanwhile(src *Source, do func()) (ask func()) {
	var asked atomic.Bool
	src.plan.check = func(*scanner) {
		if asked.CompareAndSwap(true, false) {
			do()
		}
	}
	return func() { asked.Store(true) }
}

// TestTruncatedAndRenamed: a file that was copied and truncated, and then renamed, before
// anyone looked comes between its copy and what is at its path by then.
func TestTruncatedAndRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	src, err := New(quick(Config{Paths: []string{path}, Readers: 1}))
	if err != nil {
		t.Fatal(err)
	}
	ask := meanwhile(src, func() {
		write(t, path, "2\n")
		copyAway(t, path, path+".1")
		write(t, path, "3, which is longer than what was there\n")
		rename(t, path+".1", path+".2")
		rename(t, path, path+".1")
		write(t, path, "4\n")
	})
	write(t, path, "1\n")
	r := startSource(t, src, newSinkhole(), nil)
	r.await("1")
	ask()
	r.await("1", "2", "3, which is longer than what was there", "4")
}

// TestSwapped: two files that are to be read, and take each other's place, do not wait
// for each other.
func TestSwapped(t *testing.T) {
	dir := t.TempDir()
	src, err := New(quick(Config{Paths: []string{filepath.Join(dir, "*.log")}, Readers: 1}))
	if err != nil {
		t.Fatal(err)
	}
	ask := meanwhile(src, func() {
		rename(t, dir+"/b.log", dir+"/x")
		rename(t, dir+"/a.log", dir+"/b.log")
		rename(t, dir+"/x", dir+"/a.log")
	})
	sink, open := newSinkhole(), make(chan struct{})
	sink.gate = until(open)
	write(t, dir+"/0.log", "0\n")
	r := startSource(t, src, sink, nil)
	wait(t, "the first file", func() bool { return len(r.src.Stats()) == 1 })
	write(t, dir+"/a.log", "a\n")
	write(t, dir+"/b.log", "bb\n")
	wait(t, "all files", func() bool { return len(r.src.Stats()) == 3 })
	ask()
	wait(t, "the change to be seen", func() bool {
		return slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.Path == dir+"/a.log" && s.Size == 3 })
	})
	close(open)
	wait(t, "all lines", func() bool { return r.sink.count() == 3 })
}

// TestRotatedWhileItIsTakenUp: what comes to the path of a file after it, before all is
// asked that is asked of a new file, is not taken for what was there before it.
func TestRotatedWhileItIsTakenUp(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, r *run, path string){
		"the first of its path": func(*testing.T, *run, string) {},
		"the next": func(t *testing.T, r *run, path string) {
			write(t, path, "1\n")
			r.await("1")
			rename(t, path, path+".1")
		},
		"the next, by copies": func(t *testing.T, r *run, path string) {
			write(t, path, "1\n")
			r.await("1")
			rename(t, path, path+".1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.log")
			rotated, away := false, rename
			if strings.HasSuffix(name, "copies") {
				away = copyAway
			}
			cfg := quick(Config{Paths: []string{path}})
			cfg.Labels = func(p string) batch.Labels { // it is asked for once the file is open
				if text, err := os.ReadFile(path); err == nil && string(text) == "2\n" && !rotated {
					rotated = true
					rotateOn(t, away, path, "3\n", "4\n")
				}
				return filename(p)
			}
			r := start(t, cfg, newSinkhole(), nil)
			before(t, r, path)
			want := append(r.sink.got(), "2", "3", "4")
			write(t, path+"x", "2\n")
			rename(t, path+"x", path) // so that it is not seen empty
			r.await(want...)
		})
	}
}

// TestRotatedWhenItIsWrittenTo: likewise for a file that was empty until now.
func TestRotatedWhenItIsWrittenTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	src, err := New(quick(Config{Paths: []string{path}}))
	if err != nil {
		t.Fatal(err)
	}
	rotated := false
	src.plan.check = func(s *scanner) {
		if sp := s.spots[path]; !rotated && sp.cur.queued && sp.cur.size > 0 {
			rotated = true
			rotateOn(t, rename, path, "3\n", "4\n")
		}
	}
	write(t, path, "")
	r := startSource(t, src, newSinkhole(), nil)
	wait(t, "the file", func() bool { return len(r.src.Stats()) == 1 })
	write(t, path, "2\n")
	r.await("2", "3", "4")
}

// rotateOn rotates path once for each of texts, which is what is written then.
func rotateOn(t *testing.T, away func(t testing.TB, from, to string), path string, texts ...string) {
	for i, text := range texts {
		for n := i + 2; n > 0; n-- {
			os.Rename(fmt.Sprintf("%s.%d", path, n), fmt.Sprintf("%s.%d", path, n+1))
		}
		away(t, path, path+".1")
		write(t, path, text)
	}
}

// copyAway copies and truncates.
func copyAway(t testing.TB, from, to string) {
	copyFile(t, from, to)
	if err := os.Truncate(from, 0); err != nil {
		t.Fatal(err)
	}
}

// TestRankedInAShift: files that lay at one path are put in order by their names, though
// one of them was being renamed when their folder was listed.
func TestRankedInAShift(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
	now := time.Now()
	newer := rotatedFile(t, s, path, path+".1")
	older := rotatedFile(t, s, path, path+".2")
	older.mtime = newer.mtime + 1 // by its last line, which came late
	s.listings[filepath.Dir(path)] = &listing{began: now, names: []string{"app.log.1"}}
	fs := []*file{newer, older}
	s.rank(fs, now)
	if fs[0] != older {
		t.Error("the older file is not the first")
	}
}

// rotatedFile makes one that lay at path and is followed, but for that it is not open.
func rotatedFile(t *testing.T, s *scanner, path, at string) *file {
	t.Helper()
	write(t, at, at)
	st, err := statPath(at)
	if err != nil {
		t.Fatal(err)
	}
	f := s.newFile(at, st, time.Now())
	f.path, f.log, f.real, f.moved = path, path, at, time.Now()
	f.setPrefix([]byte(at))
	f.stream = s.mint(path)
	s.register(f)
	return f
}

// TestFinishedInAShift: a file that was delivered is remembered, though it is being
// renamed when it is looked for.
func TestFinishedInAShift(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
	now := time.Now()
	f := rotatedFile(t, s, path, path+".2")
	f.sent = "a cursor"
	f.setPlace(path + ".1") // where it was
	dir := filepath.Dir(path)
	s.listings[dir] = &listing{began: now.Add(-time.Millisecond), took: time.Second, names: []string{"app.log.1"}}
	s.finish(f, now)
	if _, ok := s.files[f]; !ok || f.retired {
		t.Fatal("what cannot be found yet was seen off")
	}
	clear(s.listings)
	s.finish(f, now)
	if _, ok := s.files[f]; !ok || !f.retired || f.at != path+".2" {
		t.Errorf("not remembered: %s", f.condition())
	}
}

// TestCopyInAShift: the copy of a file that was truncated is found, though it is being
// renamed when it is looked for.
func TestCopyInAShift(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
	f := rotatedFile(t, s, path, path)
	f.real = ""
	rename(t, path, path+".2")
	write(t, path, "")
	// For a while it stands nowhere.
	s.listings[filepath.Dir(path)] = &listing{began: time.Now().Add(50 * time.Millisecond), names: []string{"app.log", "app.log.1"}}
	delete(s.byID, f.id) // what is there now is another file
	c := s.findCopyStill(f)
	if c == nil || c.path != path+".2" {
		t.Fatalf("found %v", c)
	}
	c.h.Close()
}

// TestNumberOfAForgottenFile: what has the number of a file that was delivered, remembered
// and deleted is not taken for that, though it came to be looked for by that number first.
func TestNumberOfAForgottenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
	f := rotatedFile(t, s, path, path+".1")
	s.retire(f)
	if err := os.WriteFile(path+".1", []byte("another\n"), 0o600); err != nil { // the number stays
		t.Fatal(err)
	}
	all := s.passages(gap{path: path, name: path, where: path}, time.Now())
	defer dismissAll(all)
	if len(all) != 1 || all[0].path != path+".1" {
		t.Errorf("found %v", all)
	}
}
