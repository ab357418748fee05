package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var _ Checkpoints = (*FileCheckpoints)(nil)

// ckptFile1 returns a file whose records are good, and what it says.
func ckptFile1() ([]byte, map[string]string) {
	return encodeExample(), map[string]string{"shop.log": "8192"}
}

func readOrNil(name string) []byte {
	data, _ := os.ReadFile(name)
	return data
}

func TestFileCheckpointsReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, osDisk{})
	mustSave(t, f, map[string]string{"shop.log": "4096", "till.log": "0"})
	mustSave(t, f, map[string]string{"shop.log": "8192", "\xff": "a\x00\n"}, "till.log")
	want := map[string]string{"shop.log": "8192", "\xff": "a\x00\n"}
	for range 3 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = mustOpenCheckpoints(t, path, osDisk{})
		wantCursors(t, f, want)
		if f.Recovered() != nil || f.Torn() != 0 {
			t.Errorf("after an orderly end: %v, %d bytes torn", f.Recovered(), f.Torn())
		}
		want["more"] += "1"
		mustSave(t, f, map[string]string{"more": want["more"]})
	}
	wantFolder(t, path)
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range []string{path, path + lockSuffix} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestFileCheckpointsAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, osDisk{})
	mustSave(t, f, map[string]string{"a": "1"})
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, set := range []map[string]string{nil, {"a": "2"}} {
		if err := f.Save(t.Context(), set, nil); !errors.Is(err, ErrCheckpointsClosed) || !strings.Contains(err.Error(), path) {
			t.Errorf("Save after Close: %v", err)
		}
	}
	wantCursors(t, f, map[string]string{"a": "1"})
	g := mustOpenCheckpoints(t, path, osDisk{})
	if err := f.Close(); err != nil { // and does not release what is not its own any more
		t.Error(err)
	}
	if _, err := NewFileCheckpoints(path); !errors.Is(err, ErrCheckpointsLocked) {
		t.Errorf("a third Close of the first store: the second's lock: %v", err)
	}
	wantCursors(t, g, map[string]string{"a": "1"})
}

// TestFileCheckpointsCloseDuringSaves: each Save is either done and kept, or told that it came too late.
func TestFileCheckpointsCloseDuringSaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, osDisk{})
	const savers = 4
	var saved [savers]int
	var wg sync.WaitGroup
	enough := make(chan struct{}, savers)
	for i := range savers {
		wg.Go(func() {
			for {
				err := f.Save(t.Context(), map[string]string{strconv.Itoa(i): strconv.Itoa(saved[i] + 1)}, nil)
				if errors.Is(err, ErrCheckpointsClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					enough <- struct{}{}
					return
				}
				if saved[i]++; saved[i] == 20 {
					enough <- struct{}{}
				}
			}
		})
	}
	<-enough
	for range 2 {
		wg.Go(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := make(map[string]string)
	for i, n := range saved {
		if n > 0 {
			want[strconv.Itoa(i)] = strconv.Itoa(n)
		}
	}
	wantCursors(t, mustOpenCheckpoints(t, path, osDisk{}), want)
}

func TestFileCheckpointsRefuses(t *testing.T) {
	good, _ := ckptFile1()
	rotten := bytes.Replace(good, []byte("4096"), []byte("4097"), 1) // in the snapshot
	for _, test := range []struct {
		name    string
		current []byte
		prev    []byte
		want    string
		damaged bool
	}{
		{"garbage", []byte("some other program's file\n"), nil, "does not begin with", true},
		{"empty", []byte{}, nil, "does not begin with", true},
		{"zeros", make([]byte, 4096), nil, "does not begin with", true},
		{"header only", appendHeader(nil, formatVersion), nil, "byte 32: it ends before the snapshot", true},
		{"half a header", good[:20], nil, "byte 0: ", true},
		{"snapshot rotten", rotten, nil, "byte 32: the checksum does not match", true},
		{"both rotten", rotten, rotten, "byte 32: the checksum does not match", true},
		{"previous empty", rotten, []byte{}, "does not begin with", true},
		{"only a rotten previous", nil, rotten, "it is missing", true},
		{"newer", append(appendHeader(nil, 2), good[32:]...), good, "format version 2", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cursors")
			for name, data := range map[string][]byte{path: test.current, path + prevSuffix: test.prev} {
				if data != nil {
					if err := os.WriteFile(name, data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 2 { // the second time, too: nothing was reset, nor is it locked
				_, err := NewFileCheckpoints(path)
				if err == nil || errors.Is(err, ErrCheckpointsDamaged) != test.damaged ||
					!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("error %v, want one with %q and the path", err, test.want)
				}
				if test.damaged && !strings.Contains(err.Error(), "remove both") {
					t.Errorf("the error does not say what to do: %v", err)
				}
			}
			if !bytes.Equal(readOrNil(path), test.current) || !bytes.Equal(readOrNil(path+prevSuffix), test.prev) {
				t.Error("the files were changed")
			}
			wantFolder(t, path)
		})
	}
}

func TestFileCheckpointsRefusesPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                  "empty",
		sub:                                 "not a regular file",
		filepath.Join(dir, "none", "c"):     "folder",
		filepath.Join(file, "c"):            "file",
		filepath.Join(dir, "nul\x00", "cu"): "invalid",
	} {
		if runtime.GOOS == "windows" && path == filepath.Join(file, "c") {
			continue // its system says "not found" there
		}
		_, err := NewFileCheckpoints(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) {
			t.Errorf("%q: error %v, want one with %q and the path", path, err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFileCheckpointsRecovers(t *testing.T) {
	good, state := ckptFile1()
	older := appendRecord(appendHeader(nil, formatVersion), map[string]string{"shop.log": "2048"}, nil)
	middle := append(bytes.Replace(good, []byte("8192"), []byte("8193"), 1), good[decodeFile(good).snapshot:]...)
	header := bytes.Replace(good, []byte("logferry"), []byte("logfairy"), 1)
	snapshot := bytes.Replace(good, []byte("4096"), []byte("4097"), 1)
	brokenPrev := append(bytes.Clone(older), "rot\nrot\n"...)
	first := map[string]string{"shop.log": "4096", "till.log": "0"}
	for _, test := range []struct {
		name          string
		current, prev []byte
		want          map[string]string
		report        []string // nil: nothing is reported
		torn          int64
	}{
		{"whole", good, older, state, nil, 0},
		{"unfinished line", good[:len(good)-1], older, first, nil, 56},
		{"last line rotten", bytes.Replace(good, []byte("8192"), []byte("8193"), 1), older, first, nil, 57},
		{"zeros at the end", append(bytes.Clone(good), make([]byte, 300)...), older, state, nil, 300},
		{"middle rotten", middle, older, first, []string{"byte 84", "first 1 records", damagedSuffix}, 0},
		{"middle rotten, alone", middle, nil, first, []string{"byte 84", "first 1 records", damagedSuffix}, 0},
		{"header rotten", header, older, map[string]string{"shop.log": "2048"}, []string{"byte 0", prevSuffix, damagedSuffix}, 0},
		{"snapshot rotten", snapshot, older, map[string]string{"shop.log": "2048"}, []string{"byte 32", prevSuffix, damagedSuffix}, 0},
		{"empty", []byte{}, good, state, []string{"byte 0", prevSuffix, damagedSuffix}, 0},
		{"missing", nil, older, map[string]string{"shop.log": "2048"}, []string{"missing", prevSuffix}, 0},
		{"both damaged", snapshot, brokenPrev, map[string]string{"shop.log": "2048"},
			[]string{"byte 32", "first 1 records", prevSuffix, fmt.Sprint("byte ", len(older)), damagedSuffix}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := map[string][]byte{"cursors.tmp": []byte("left"), "cursors.prev.tmp": nil, "cursors.damaged.tmp": nil}
			for name, data := range map[string][]byte{"cursors": test.current, "cursors.prev": test.prev} {
				if data != nil {
					image[name] = data
				}
			}
			path := filepath.Join(ckptFolder(t, image), "cursors")
			damaged := test.report != nil && test.current != nil
			for range 2 { // as long as nothing was saved, it opens the same way
				f := mustOpenCheckpoints(t, path, osDisk{})
				wantCursors(t, f, test.want)
				if f.Torn() != test.torn {
					t.Errorf("%d bytes torn, want %d", f.Torn(), test.torn)
				}
				err := f.Recovered()
				if (err != nil) != (test.report != nil) || err != nil && !errors.Is(err, ErrCheckpointsDamaged) {
					t.Fatalf("recovered: %v", err)
				}
				for _, part := range append(test.report, path) {
					if err != nil && !strings.Contains(err.Error(), part) {
						t.Errorf("the report does not say %q: %v", part, err)
					}
				}
				wantFolder(t, path)
				if kept := readOrNil(path + damagedSuffix); damaged != (kept != nil) || damaged && !bytes.Equal(kept, test.current) {
					t.Errorf("kept aside: %q", kept)
				}
				f.Close()
			}
			f := mustOpenCheckpoints(t, path, osDisk{})
			mustSave(t, f, map[string]string{"new": "1"})
			f.Close()
			g := mustOpenCheckpoints(t, path, osDisk{})
			want := maps.Clone(test.want)
			want["new"] = "1"
			wantCursors(t, g, want)
			if g.Recovered() != nil || g.Torn() != 0 {
				t.Errorf("after a Save: %v, %d bytes torn", g.Recovered(), g.Torn())
			}
			if damaged && !bytes.Equal(readOrNil(path+damagedSuffix), test.current) {
				t.Error("the damaged file is lost")
			}
			if test.report == nil && !bytes.Equal(readOrNil(path+prevSuffix), test.current) {
				t.Error("the file did not become the previous generation")
			}
			if damaged && test.prev != nil && !bytes.Equal(readOrNil(path+prevSuffix), test.prev) {
				t.Error("a damaged file took the place of the previous generation")
			}
		})
	}
}

// TestFileCheckpointsUnderneath changes the file while it is open.
func TestFileCheckpointsUnderneath(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"removed":   os.Remove,
		"truncated": func(path string) error { return os.Truncate(path, 10) },
		"exchanged": func(path string) error { return os.WriteFile(path, []byte("rot"), 0o600) },
		"grown":     func(path string) error { return os.Truncate(path, 1e6) },
		"folder removed": func(path string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(path)), os.Mkdir(filepath.Dir(path), 0o700))
		},
	} {
		for size, cursor := range map[string]string{"append": "2", "rewrite": strings.Repeat("x", 3*minDeltas)} {
			t.Run(what+"/"+size, func(t *testing.T) {
				if runtime.GOOS == "windows" && what == "folder removed" {
					t.Skip("Windows does not remove the lock file")
				}
				path := filepath.Join(t.TempDir(), "here", "cursors")
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				f := mustOpenCheckpoints(t, path, osDisk{})
				mustSave(t, f, map[string]string{"a": "1", "b": strings.Repeat("x", minDeltas)})
				previous := readOrNil(path + prevSuffix)
				if err := change(path); err != nil {
					t.Fatal(err)
				}
				mustSave(t, f, map[string]string{"a": cursor})
				if what != "folder removed" && !bytes.Equal(readOrNil(path+prevSuffix), previous) {
					t.Error("what lay there took the place of the previous generation")
				}
				mustSave(t, f, nil, "b")
				f.Close()
				g := mustOpenCheckpoints(t, path, osDisk{})
				wantCursors(t, g, map[string]string{"a": cursor})
				if g.Recovered() != nil || g.Torn() != 0 {
					t.Errorf("recovered: %v, %d bytes torn", g.Recovered(), g.Torn())
				}
			})
		}
	}
}

func TestFileCheckpointsSymlink(t *testing.T) {
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), filepath.Join(dir, "far", "cursors")
	if err := errors.Join(os.Mkdir(filepath.Dir(target), 0o700), os.Symlink(target, link)); err != nil {
		t.Skip(err)
	}
	if _, err := NewFileCheckpoints(link); err == nil || !strings.Contains(err.Error(), target) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	mustOpenCheckpoints(t, target, osDisk{}).Close()
	f := mustOpenCheckpoints(t, link, osDisk{})
	mustSave(t, f, map[string]string{"a": strings.Repeat("x", minDeltas)})
	if _, err := NewFileCheckpoints(target); !errors.Is(err, ErrCheckpointsLocked) {
		t.Errorf("locked through the link, opened without it: %v", err)
	}
	f.Close()
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left beside the link: %v", entries)
	}
	wantCursors(t, mustOpenCheckpoints(t, target, osDisk{}), map[string]string{"a": strings.Repeat("x", minDeltas)})
}

func TestFileCheckpointsRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	f := mustOpenCheckpoints(t, "cursors", osDisk{})
	t.Chdir(t.TempDir())
	mustSave(t, f, map[string]string{"a": strings.Repeat("x", minDeltas)})
	f.Close()
	wantCursors(t, mustOpenCheckpoints(t, filepath.Join(dir, "cursors"), osDisk{}), map[string]string{"a": strings.Repeat("x", minDeltas)})
}

// TestFileCheckpointsCostsWhatChanged counts the bytes of many small Saves among many streams.
func TestFileCheckpointsCostsWhatChanged(t *testing.T) {
	disk := newCkptDisk()
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, disk)
	mustSave(t, f, manyCursors(10_000))
	snapshot := disk.wrote
	disk.wrote = 0
	var changed, largest int64
	for n := range 3_000 {
		set := make(map[string]string, 10)
		for i := range 10 {
			set[streamName((n*10+i)%10_000)] = fmt.Sprint("offset ", n*4096)
		}
		changed += int64(len(appendRecord(nil, set, nil)))
		mustSave(t, f, set)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if disk.wrote > 3*changed {
		t.Errorf("wrote %d bytes for %d bytes of changes", disk.wrote, changed)
	}
	if largest > 3*snapshot {
		t.Errorf("the file grew to %d bytes, for a state of %d", largest, snapshot)
	}
	t.Logf("state %d bytes, changed %d, wrote %d, largest file %d", snapshot, changed, disk.wrote, largest)
}

func streamName(i int) string { return fmt.Sprintf("/var/log/containers/shop-%05d.log", i) }

func manyCursors(n int) map[string]string {
	cursors := make(map[string]string, n)
	for i := range n {
		cursors[streamName(i)] = fmt.Sprint("offset ", i)
	}
	return cursors
}

// slowDisk's syncs last until they are let go.
type slowDisk struct {
	*ckptDisk
	syncing, letGo chan struct{}
}

type slowFile struct {
	diskFile
	disk *slowDisk
}

func (d *slowDisk) open(name string, flag int) (diskFile, error) {
	f, err := d.ckptDisk.open(name, flag)
	return slowFile{f, d}, err
}

func (f slowFile) Sync() error {
	f.disk.syncing <- struct{}{}
	<-f.disk.letGo
	return f.diskFile.Sync()
}

// TestFileCheckpointsSlowDisk: while a Save waits for the disk, All answers, another Save waits no longer than its
// context, and Close waits for the Save.
func TestFileCheckpointsSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cursors")
		f := mustOpenCheckpoints(t, path, newCkptDisk())
		slow := &slowDisk{f.journal.disk.(*ckptDisk), make(chan struct{}), make(chan struct{})}
		f.journal.disk = slow
		saved, closed := make(chan error, 1), make(chan error, 1)
		go func() { saved <- f.Save(t.Context(), map[string]string{"a": "1"}, nil) }()
		<-slow.syncing
		wantCursors(t, f, nil)

		ctx, cancel := context.WithTimeout(t.Context(), 4700*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := f.Save(ctx, map[string]string{"b": "1"}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a Save whose context ends while it waits: %v", err)
		}
		if waited := time.Since(begin); waited != 4700*time.Millisecond {
			t.Errorf("it waited for %v", waited)
		}

		go func() { closed <- f.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close during a Save: %v", err)
		default:
		}
		close(slow.letGo)
		if err := <-saved; err != nil {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wantCursors(t, f, map[string]string{"a": "1"})
	})
}

// BenchmarkFileCheckpointsSave saves 10 changed cursors of 10,000: to a real disk, and to one that does not sync,
// which leaves what the library costs.
func BenchmarkFileCheckpointsSave(b *testing.B) {
	for name, disk := range map[string]disk{"disk": osDisk{}, "nosync": noSyncDisk{}} {
		b.Run(name, func(b *testing.B) {
			f := mustOpenCheckpoints(b, filepath.Join(b.TempDir(), "cursors"), disk)
			mustSave(b, f, manyCursors(10_000))
			b.ReportAllocs()
			set := make(map[string]string, 10)
			for n := 0; b.Loop(); n++ {
				clear(set)
				for i := range 10 {
					set[benchNames[(n*10+i)%len(benchNames)]] = "offset 123456"
				}
				if err := f.Save(b.Context(), set, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var benchNames = func() (names []string) {
	for i := range 10_000 {
		names = append(names, streamName(i))
	}
	return names
}()

type noSyncDisk struct{ osDisk }

type noSyncFile struct{ diskFile }

func (d noSyncDisk) open(name string, flag int) (diskFile, error) {
	f, err := d.osDisk.open(name, flag)
	return noSyncFile{f}, err
}

func (noSyncDisk) syncDir(string) error { return nil }
func (noSyncFile) Sync() error          { return nil }
