package file

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// TestRotateBySize: no file is larger than it may be, but for a line that is, and generations follow in order.
func TestRotateBySize(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Bytes: 100}})
	lines := numbered(0, 30)
	lines[7] = strings.Repeat("long", 100)
	r.put(noon, shop, lines[:20]...)
	r.put(noon, shop, lines[20:]...)
	for _, name := range r.names() {
		info, err := os.Stat(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 100 && info.Size() != 401 || info.Size() == 0 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	if got := readLines(t, r.dir); !slices.Equal(got, lines) {
		t.Error(difference(got, lines))
	}
	s := r.Stats()
	if n := len(r.names()); int(s.Rotations) != n-1 || n < 8 || s.Open != 1 {
		t.Errorf("%d files, %+v", n, s)
	}
}

// TestRotateByTime: a file that is due is rotated before the next line, and one that nobody writes to by the task.
func TestRotateByTime(t *testing.T) {
	for name, rotate := range map[string]Rotate{
		"Every": {Every: time.Hour},
		"At":    {At: []string{"03:30", "13:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Path: "{app}.log", Rotate: rotate})
			r.put(noon.Add(10*time.Minute), shop, "1")
			r.put(noon.Add(59*time.Minute), shop, "2")
			r.put(noon.Add(60*time.Minute), shop, "3")
			r.holds("shop.log", "shop.log.20260102T130000.000")
			r.file("shop.log.20260102T130000.000", "1", "2")
			r.put(noon.Add(61*time.Minute), shop, "4")
			r.tidy(t.Context(), noon.Add(61*time.Minute))
			r.file("shop.log", "3", "4")
			// The file has the time of this test, not of its entries; so for what follows.
			if err := os.Chtimes(filepath.Join(r.dir, "shop.log"), noon, noon.Add(61*time.Minute)); err != nil {
				t.Fatal(err)
			}
			r.tidy(t.Context(), noon.Add(16*time.Hour)) // 04:00 of the next day
			r.holds("shop.log.20260102T130000.000", "shop.log.20260103T040000.000")
			r.tidy(t.Context(), noon.Add(40*time.Hour)) // nothing is there to be rotated
			r.put(noon.Add(40*time.Hour), shop, "5")
			r.file("shop.log", "5")
		})
	}
}

// TestRotateOnce: a Write that had to wait for its turn until a file was begun for another hour does not make that one due.
func TestRotateOnce(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Every: time.Hour}})
	one := noon.Add(time.Hour)
	r.put(noon, shop, "1")
	r.put(one, shop, "2")
	r.put(one.Add(-time.Millisecond), shop, "3")
	r.put(one.Add(time.Millisecond), shop, "4")
	r.holds("all.log", "all.log.20260102T130000.000")
	r.file("all.log", "2", "3", "4")
}

// TestRotateAcrossRestarts: the time of the last change counts, whoever made it.
func TestRotateAcrossRestarts(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Every: time.Hour}})
	r.plant("all.log", "old\n", noon.Add(-time.Minute))
	r.put(noon, shop, "new")
	r.holds("all.log", "all.log.20260102T120000.000")
	r.file("all.log.20260102T120000.000", "old")
	r.shut()
	r = openRig(t, r.dir, Config{Path: "all.log", Rotate: Rotate{Every: time.Hour}})
	if err := os.Chtimes(filepath.Join(r.dir, "all.log"), noon, noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	r.put(noon.Add(time.Minute), shop, "newer")
	r.file("all.log", "new", "newer")
}

// TestRotateNames: a name that is taken is left alone, in whatever form.
func TestRotateNames(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Bytes: 3}})
	r.plant("all.log.20260102T120000.000", "a\n", noon)
	r.plant("all.log.20260102T120000.001.zst", "b\n", noon)
	r.plant("all.log.20260102T120000.002.gz", "c\n", noon)
	r.put(noon, shop, "1", "2", "3")
	r.holds("all.log", "all.log.20260102T120000.000", "all.log.20260102T120000.001.zst", "all.log.20260102T120000.002.gz",
		"all.log.20260102T120000.003", "all.log.20260102T120000.004")
}

// TestGenerationsAreInOrder: the names of generations are in the order in which they were made, though a Write that came
// earlier had to wait for its turn, and the file was closed meanwhile to make room.
func TestGenerationsAreInOrder(t *testing.T) {
	r := newRig(t, Config{Path: "{app}/all.log", MaxOpen: 1, Rotate: Rotate{Bytes: 2}})
	other := batch.MustLabels("app", "other")
	r.put(noon.Add(time.Second), shop, "1", "2")
	r.put(noon, other, "x")
	r.put(noon, shop, "3", "4")
	r.put(noon.Add(2*time.Second), other, "x")
	r.put(noon.Add(2*time.Second), shop, "5")
	if got := readLines(t, r.dir+"/shop"); !slices.Equal(got, []string{"1", "2", "3", "4", "5"}) {
		t.Errorf("%q, in %q", got, r.names())
	}
}

// TestGenerationsStayInOrder: so they are where several are made within a millisecond, or by a clock that stands, and the
// first of them are removed before the file is closed and opened again.
func TestGenerationsStayInOrder(t *testing.T) {
	r := newRig(t, Config{Path: "{app}/all.log", MaxOpen: 1, Rotate: Rotate{Bytes: 2}})
	r.put(noon, shop, "1", "2", "3")
	if err := os.Remove(r.dir + "/shop/all.log.20260102T120000.000"); err != nil {
		t.Fatal(err)
	}
	r.put(noon, batch.MustLabels("app", "other"), "x")
	r.put(noon, shop, "4")
	if got := readLines(t, r.dir+"/shop"); !slices.Equal(got, []string{"2", "3", "4"}) {
		t.Errorf("%q, in %q", got, r.names())
	}
}

// TestRotateFails: a file that cannot be renamed is written to all the same, Health tells, and it is tried again.
func TestRotateFails(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Bytes: 3}})
	r.disk.fault = func(_ int, op string) error {
		if op == "rename" {
			return syscall.EACCES
		}
		return nil
	}
	r.put(noon, shop, "1", "2", "3")
	r.holds("all.log")
	if err := r.Health(); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "all.log") {
		t.Errorf("Health: %v", err)
	}
	r.disk.fault = nil
	r.put(noon.Add(rotateAgain+time.Second), shop, "4")
	r.holds("all.log", "all.log.20260102T120011.000")
	r.file("all.log.20260102T120011.000", "1", "2", "3")
	if err := r.Health(); err != nil {
		t.Errorf("Health: %v", err)
	}
}

// TestOthersRotate: what logrotate does is noticed with the next Write, whether it renames or truncates.
func TestOthersRotate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed")
	}
	for _, policy := range []SyncPolicy{SyncEvery, SyncBatch} {
		r := newRig(t, Config{Path: "in/all.log", Sync: policy})
		path := filepath.Join(r.dir, "in/all.log")
		r.put(noon, shop, "1")
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		r.put(noon, shop, "2")
		r.file("in/all.log.1", "1")
		r.file("in/all.log", "2")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		r.put(noon, shop, "3")
		r.file("in/all.log", "3")
		if err := os.RemoveAll(filepath.Join(r.dir, "in")); err != nil {
			t.Fatal(err)
		}
		r.put(noon, shop, "4")
		r.file("in/all.log", "4")
		if s := r.Stats(); s.Reopened != 2 || s.Open != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestTornLine: a last line without newline, as a crash leaves it, is completed, and the next one is not joined to it.
func TestTornLine(t *testing.T) {
	r := newRig(t, Config{Path: "all.log"})
	r.plant("all.log", "whole\nto", noon)
	r.put(noon, shop, "next")
	r.file("all.log", "whole", "to", "next")
	if s := r.Stats(); s.Completed != 1 {
		t.Errorf("%+v", s)
	}
	f, err := os.OpenFile(filepath.Join(r.dir, "all.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("somebody else's")
	f.Close()
	r.put(noon, shop, "after it")
	r.file("all.log", "whole", "to", "next", "somebody else's", "after it")
}

// TestTornLineFaults: a part of a line that somebody else left in an open file is not joined to the next one, either, if
// the newline between them cannot be written at once, nor what is there be read.
func TestTornLineFaults(t *testing.T) {
	for _, op := range []string{"read", "write"} {
		t.Run(op, func(t *testing.T) {
			r := newRig(t, Config{Path: "all.log"})
			r.put(noon, shop, "first", "second")
			if err := os.Truncate(filepath.Join(r.dir, "all.log"), int64(len("first\nsec"))); err != nil {
				t.Fatal(err)
			}
			r.disk.fault = func(_ int, o string) error {
				if o == op {
					return syscall.ENOSPC
				}
				return nil
			}
			if err := r.try(noon, shop, "next"); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Write: %v", err)
			}
			r.disk.fault = nil
			r.put(noon, shop, "next")
			r.file("all.log", "first", "sec", "next")
		})
	}
}

// TestRootMoves: a root that somebody renames is made again.
func TestRootMoves(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open folder cannot be renamed")
	}
	r := newRig(t, Config{Path: "in/{app}/all.log"})
	r.put(noon, shop, "1")
	if err := os.Rename(filepath.Join(r.dir, "in"), filepath.Join(r.dir, "out")); err != nil {
		t.Fatal(err)
	}
	r.tidy(t.Context(), noon)
	r.put(noon, shop, "2")
	r.holds("in/shop/all.log", "out/shop/all.log")
	r.file("in/shop/all.log", "2")
}

// TestRelativePath: a path that does not begin at the top is that of the folder in which the Sink was made, wherever the
// process goes from there.
func TestRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s, err := New(Config{Path: "in/{app}.log"})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	s.tidy(t.Context(), noon)
	b := batch.New(nil, shop)
	defer b.Settle(nil)
	b.Append(noon, []byte("1"))
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := readFile(t, filepath.Join(dir, "in", "shop.log")); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q", got)
	}
}

// TestIdleRotationFails: what Health says of it names the file, once.
func TestIdleRotationFails(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Rotate: Rotate{Every: time.Hour}})
	r.plant("all.log", "1\n", noon.Add(-2*time.Hour))
	r.disk.fault = func(_ int, op string) error {
		if op == "claim" {
			return syscall.EIO
		}
		return nil
	}
	r.tidy(t.Context(), noon)
	if err := r.Health(); !errors.Is(err, syscall.EIO) || strings.Count(err.Error(), "all.log") != 1 {
		t.Error(err)
	}
}
