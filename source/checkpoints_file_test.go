package source

import (
	"bytes"
	"context"
	"errors"
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
