package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/logferry/logferry/sink"
)

// TestFullDisk fills a real disk: Writes fail for as long as there is no space, what they wrote of a line is removed, and
// when there is space again every line is there once.
func TestFullDisk(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncEvery, SyncBatch} {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
			t.Skipf("cannot mount a small disk: %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		r := openRig(t, dir, Config{Path: "{app}/all.log", Sync: policy, Rotate: Rotate{Bytes: 40_100}})
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		var want []string
		failed := 0
		r.failed = func(err error) {
			if p, ok := errors.AsType[*sink.PartialError](err); ok {
				err = p.Failures[0].Err
			}
			if failed++; !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			if r.Health() == nil {
				t.Error("Health does not know")
			}
			if failed == 20 {
				if err := os.Remove(filler); err != nil {
					t.Fatal(err)
				}
			}
		}
		for n := 0; failed == 0; n += 100 {
			lines := numbered(n, 100)
			want = append(want, lines...)
			r.persist(noon, shop, lines...)
		}
		if err := r.Health(); err != nil {
			t.Error(err)
		}
		if got := readLines(t, r.dir+"/shop"); !slices.Equal(got, want) {
			t.Error(difference(got, want))
		}
		if s := r.Stats(); s.Cut == 0 || int(s.Entries) != len(want) {
			t.Errorf("%+v", s)
		}
	}
}
