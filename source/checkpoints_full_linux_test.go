package source

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of its own that a test can fill.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the space of the folder but spare bytes, and returns what gives it back.
func fill(t *testing.T, dir string, spare int64) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	page, size := make([]byte, 4096), int64(0)
	for ; err == nil; size += int64(len(page)) {
		_, err = f.WriteAt(page, size)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(max(0, size-int64(len(page))-spare)), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileCheckpointsFullDisk fills a real disk under a store: with too little space for a record, and with enough for
// records but not for a new generation.
func TestFileCheckpointsFullDisk(t *testing.T) {
	for _, spare := range []int64{0, 64 << 10} {
		t.Run(fmt.Sprint("spare=", spare), func(t *testing.T) {
			dir := smallDisk(t)
			path := filepath.Join(dir, "cursors")
			f := mustOpenCheckpoints(t, path, osDisk{})
			want := map[string]string{"base": strings.Repeat("b", 100_000), "n": "0"}
			mustSave(t, f, want)
			empty := fill(t, dir, spare)
			failed := 0
			for n := 1; failed < 50; n++ {
				set := map[string]string{"n": fmt.Sprint(n), "pad": strings.Repeat("p", 700+n)}
				err := f.Save(t.Context(), set, nil)
				if err == nil {
					applyCursors(want, set, nil)
				} else {
					failed++
					if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
						t.Fatalf("on a full disk: %v", err)
					}
				}
				wantCursors(t, f, want)
			}
			// A restart with the disk full reads the same.
			f.Close()
			f = mustOpenCheckpoints(t, path, osDisk{})
			wantCursors(t, f, want)
			if f.Recovered() != nil || f.Torn() != 0 {
				t.Errorf("after a full disk: %v, %d bytes torn", f.Recovered(), f.Torn())
			}
			if err := f.Save(t.Context(), map[string]string{"x": strings.Repeat("x", 90_000)}, nil); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the disk is not full: %v", err)
			}
			empty()
			mustSave(t, f, map[string]string{"later": "1"})
			want["later"] = "1"
			wantCursors(t, f, want)
			f.Close()
			g := mustOpenCheckpoints(t, path, osDisk{})
			wantCursors(t, g, maps.Clone(want))
			if g.Recovered() != nil || g.Torn() != 0 {
				t.Errorf("with space again: %v, %d bytes torn", g.Recovered(), g.Torn())
			}
			g.Close()
			wantFolder(t, path)
		})
	}
}
