package source

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ckptCase is one Save on a store that has a history: a snapshot, two appended records and a previous generation.
type ckptCase struct {
	name string
	set  map[string]string
	drop []string
	even bool // the file it replaces has the very same length
}

// ckptCases: a big Save calls for a new generation, a small one is appended.
var ckptCases = []ckptCase{
	{"append", map[string]string{"a": "2", "new": "1"}, []string{"b"}, false},
	{"rewrite", map[string]string{"a": strings.Repeat("x", minDeltas+1)}, []string{"b"}, false},
	{"rewrite even", map[string]string{"a": "2"}, []string{strings.Repeat("unknown", minDeltas)}, true},
}

func (c ckptCase) after(cursors map[string]string) map[string]string {
	next := maps.Clone(cursors)
	applyCursors(next, c.set, c.drop)
	return next
}

// withHistory opens a store on d that has been through what a store goes through.
func (c ckptCase) withHistory(t *testing.T, d disk) (*FileCheckpoints, map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, d)
	mustSave(t, f, map[string]string{"a": "0", "old": "1"})
	mustSave(t, f, map[string]string{"big": strings.Repeat("y", minDeltas+1)}, "old")
	mustSave(t, f, map[string]string{"a": "1", "b": "1"})
	mustSave(t, f, nil, "big")
	state := map[string]string{"a": "1", "b": "1"}
	if c.even {
		f.Close() // so that the next is a rewrite, too
		f = mustOpenCheckpoints(t, f.path, d)
		mustSave(t, f, map[string]string{"a": "1"})
	}
	wantCursors(t, f, state)
	return f, state
}

// eachDisk runs test for a disk with and one without hard links.
func eachDisk(t *testing.T, test func(t *testing.T, as func(*ckptDisk) disk, c ckptCase)) {
	for _, c := range ckptCases {
		t.Run(c.name, func(t *testing.T) { test(t, func(d *ckptDisk) disk { return d }, c) })
		t.Run(c.name+"/no links", func(t *testing.T) { test(t, func(d *ckptDisk) disk { return noLinkDisk{d} }, c) })
	}
}

// TestCheckpointsCrashAnywhere stops a Save after each of its steps, by a kill and by every kind of power loss, and
// opens what is left.
func TestCheckpointsCrashAnywhere(t *testing.T) {
	eachDisk(t, func(t *testing.T, as func(*ckptDisk) disk, c ckptCase) {
		watch := newCkptDisk()
		f, before := c.withHistory(t, as(watch))
		after := c.after(before)
		images, sawBefore, sawAfter := 0, false, false
		check := func(allowed ...map[string]string) {
			watch.eachImage(func(what string, image map[string][]byte) {
				images++
				path := filepath.Join(ckptFolder(t, image), "cursors")
				g := mustOpenCheckpoints(t, path, newCkptDiskAt(t, filepath.Dir(path)))
				if err := g.Recovered(); err != nil {
					t.Fatalf("%s after %d steps: %v", what, watch.steps, err)
				}
				got := cursorsOf(t, g)
				sawBefore = sawBefore || maps.Equal(got, before)
				sawAfter = sawAfter || maps.Equal(got, after)
				if !oneOf(got, allowed) {
					t.Fatalf("%s after %d steps: opens with %s", what, watch.steps, describeCursors(got))
				}
				// And it works: the next Save heals whatever there was.
				mustSave(t, g, map[string]string{"healed": "1"})
				got["healed"] = "1"
				g.Close()
				again := mustOpenCheckpoints(t, path, newCkptDiskAt(t, filepath.Dir(path)))
				wantCursors(t, again, got)
				if again.Torn() != 0 || again.Recovered() != nil {
					t.Fatalf("%s after %d steps: not healed by a Save: %d bytes torn, %v", what, watch.steps, again.Torn(), again.Recovered())
				}
				wantFolder(t, path)
				again.Close()
				os.RemoveAll(filepath.Dir(path))
			})
		}
		check(before)
		watch.steps = 0
		watch.after = func() { check(before, after) }
		mustSave(t, f, c.set, c.drop...)
		watch.after = nil
		check(after)
		if !sawBefore || !sawAfter || watch.steps < 4 {
			t.Errorf("%d steps: saw the state before: %v, after: %v", watch.steps, sawBefore, sawAfter)
		}
		t.Logf("%d steps, %d images", watch.steps, images)
	})
}

func oneOf(got map[string]string, allowed []map[string]string) bool {
	for _, want := range allowed {
		if maps.Equal(got, want) {
			return true
		}
	}
	return false
}

// wantFolder checks that nothing is left behind beside the file.
func wantFolder(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch suffix, _ := strings.CutPrefix(entry.Name(), filepath.Base(path)); suffix {
		case "", lockSuffix, prevSuffix, damagedSuffix:
		default:
			t.Fatalf("left behind: %s", entry.Name())
		}
	}
}

// TestCheckpointsFailAnywhere lets each step of a Save fail by itself; the next Save must work.
func TestCheckpointsFailAnywhere(t *testing.T) {
	eachStep(t, func(t *testing.T, watch *ckptDisk, f *FileCheckpoints, before, after map[string]string, save func() error) {
		failed := ""
		watch.fail = func(step int, op string) error {
			if step != watch.failing {
				return nil
			}
			failed = op
			return stepFault(op)
		}
		err := save()
		watch.fail = nil
		switch {
		case err == nil && failed == "link": // and a copy took its place
			before = after
		case err == nil:
			t.Fatalf("a failed %s goes unnoticed", failed)
		case !strings.Contains(err.Error(), f.path):
			t.Fatalf("the error does not name the file: %v", err)
		}
		wantCursors(t, f, before)
		reopenImages(t, watch, before, after)
		if failed != "remove" {
			wantFolder(t, f.path)
		}
		wantLater(t, watch, f, before)
	})
}

// TestCheckpointsFailFromAnywhere lets a step of a Save fail and all that follow, also of a second Save, until the
// process gives up and another opens the file, at a time when the medium does not have everything that it reads.
func TestCheckpointsFailFromAnywhere(t *testing.T) {
	eachStep(t, func(t *testing.T, watch *ckptDisk, f *FileCheckpoints, before, after map[string]string, save func() error) {
		watch.fail = func(step int, op string) error {
			if step < watch.failing {
				return nil
			}
			return stepFault(op)
		}
		for range 2 {
			if save() == nil {
				t.Fatal("a lasting fault goes unnoticed")
			}
			wantCursors(t, f, before)
		}
		watch.fail = nil
		f.Close()
		f = mustOpenCheckpoints(t, f.path, f.journal.disk)
		got := cursorsOf(t, f)
		if !oneOf(got, []map[string]string{before, after}) || f.Recovered() != nil {
			t.Fatalf("another process opens with %s, %v", describeCursors(got), f.Recovered())
		}
		wantLater(t, watch, f, got)
	})
}

// eachStep runs test for each step of each case's Save, on a store of its own. It finds out how many there are from a
// Save that nothing happens to.
func eachStep(t *testing.T, test func(t *testing.T, watch *ckptDisk, f *FileCheckpoints, before, after map[string]string, save func() error)) {
	eachDisk(t, func(t *testing.T, as func(*ckptDisk) disk, c ckptCase) {
		for step, steps := 0, 1; step <= steps; step++ {
			watch := newCkptDisk()
			f, before := c.withHistory(t, as(watch))
			watch.steps, watch.failing = 0, step
			save := func() error { return f.Save(t.Context(), c.set, c.drop) }
			if step == 0 {
				if err := save(); err != nil || watch.steps < 4 {
					t.Fatalf("%d steps, %v", watch.steps, err)
				}
				steps = watch.steps
				continue
			}
			t.Run(fmt.Sprint("step=", step), func(t *testing.T) { test(t, watch, f, before, c.after(before), save) })
			f.Close()
		}
	})
}

// wantLater checks that a Save works that follows a failed one.
func wantLater(t *testing.T, watch *ckptDisk, f *FileCheckpoints, cursors map[string]string) {
	t.Helper()
	mustSave(t, f, map[string]string{"later": "1"})
	want := maps.Clone(cursors)
	want["later"] = "1"
	wantCursors(t, f, want)
	reopenImages(t, watch, want)
	f.Close()
	mustOpenCheckpoints(t, f.path, newCkptDisk()).Close()
	wantFolder(t, f.path)
}

// reopenImages opens what a crash would leave now.
func reopenImages(t *testing.T, d *ckptDisk, allowed ...map[string]string) {
	t.Helper()
	d.eachImage(func(what string, image map[string][]byte) {
		path := filepath.Join(ckptFolder(t, image), "cursors")
		defer os.RemoveAll(filepath.Dir(path))
		g := mustOpenCheckpoints(t, path, newCkptDisk())
		defer g.Close()
		if got := cursorsOf(t, g); !oneOf(got, allowed) || g.Recovered() != nil {
			t.Fatalf("%s: opens with %s, %v", what, describeCursors(got), g.Recovered())
		}
	})
}

// TestCheckpointsCrashAtFirst stops the making of a new file after each step.
func TestCheckpointsCrashAtFirst(t *testing.T) {
	watch, checks := newCkptDisk(), 0
	watch.after = func() {
		checks++
		reopenImages(t, watch, nil)
	}
	f := mustOpenCheckpoints(t, filepath.Join(t.TempDir(), "cursors"), watch)
	watch.after = nil
	mustSave(t, f, map[string]string{"a": "1"})
	reopenImages(t, watch, map[string]string{"a": "1"})
	if checks < 5 {
		t.Errorf("%d steps", checks)
	}
}

// TestCheckpointsFailAtOpen lets each step of opening fail: of a new file, and of a damaged one.
func TestCheckpointsFailAtOpen(t *testing.T) {
	damaged := map[string][]byte{"cursors": append(encodeExample(), "rotten\nrotten\n"...)}
	for what, image := range map[string]map[string][]byte{"new": nil, "damaged": damaged} {
		t.Run(what, func(t *testing.T) {
			for step := 1; ; step++ {
				path := filepath.Join(ckptFolder(t, image), "cursors")
				watch := newCkptDiskAt(t, filepath.Dir(path))
				failed := ""
				watch.fail = func(n int, op string) error {
					if n != step {
						return nil
					}
					failed = op
					return stepFault(op)
				}
				f, err := openFileCheckpoints(path, watch)
				if err == nil && failed == "" {
					f.Close()
					return
				}
				if err == nil && failed != "link" {
					t.Fatalf("%s failed at step %d and went unnoticed", failed, step)
				}
				if err != nil {
					if !strings.Contains(err.Error(), path) {
						t.Fatalf("the error does not name the file: %v", err)
					}
					f = mustOpenCheckpoints(t, path, newCkptDiskAt(t, filepath.Dir(path))) // the lock is free
				}
				if damaged := f.Recovered() != nil; damaged != (image != nil) {
					t.Fatalf("after a failed %s: recovered %v", failed, f.Recovered())
				}
				mustSave(t, f, map[string]string{"a": "1"})
				wantFolder(t, path)
				f.Close()
			}
		})
	}
}

// TestCheckpointsDamagedIsKept loses power while a damaged file is replaced: wherever it does, the file still exists.
func TestCheckpointsDamagedIsKept(t *testing.T) {
	damaged := append(encodeExample(), "rotten\nrotten\n"...)
	path := filepath.Join(ckptFolder(t, map[string][]byte{"cursors": damaged}), "cursors")
	watch := newCkptDiskAt(t, filepath.Dir(path))
	watch.after = func() {
		watch.eachImage(func(what string, image map[string][]byte) {
			if string(image[path]) != string(damaged) && string(image[path+damagedSuffix]) != string(damaged) {
				t.Fatalf("%s after %d steps: the damaged file is lost", what, watch.steps)
			}
		})
	}
	f := mustOpenCheckpoints(t, path, watch)
	mustSave(t, f, map[string]string{"a": "1"})
	if !watch.has(path + damagedSuffix) {
		t.Error("nothing was kept")
	}
}

// TestCheckpointsPrevious follows the previous generation from one rewrite to the next.
func TestCheckpointsPrevious(t *testing.T) {
	for _, leftover := range []bool{false, true} {
		for _, reopen := range []bool{false, true} {
			t.Run(fmt.Sprint("leftover=", leftover, " reopen=", reopen), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "cursors")
				f := mustOpenCheckpoints(t, path, osDisk{})
				mustSave(t, f, map[string]string{"a": "1"})
				for n := range 3 {
					if leftover { // a name that a failed rewrite could not remove
						if err := os.Link(path, path+prevSuffix+tmpSuffix); err != nil {
							t.Skip(err)
						}
					}
					if reopen {
						f.Close()
						f = mustOpenCheckpoints(t, path, osDisk{})
					}
					old := readOrNil(path)
					mustSave(t, f, map[string]string{"a": strings.Repeat(fmt.Sprint(n), 2*minDeltas<<n)})
					if string(readOrNil(path+prevSuffix)) != string(old) {
						t.Fatalf("rewrite %d: the previous generation is not the file before", n)
					}
					wantFolder(t, path)
				}
			})
		}
	}
}
