package tail

import (
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestGapListedInAShift: a folder is listed while its generations are being renamed,
// when the one before last has left its name and the last has not come to it. All are
// found, whatever lies by then at the name that was left.
func TestGapListedInAShift(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		more  int // names of other files in that folder
	}{
		{"before the log itself is renamed", []string{"app.log.3", "app.log.2"}, 0},
		{"afterwards", []string{"app.log.3", "app.log.2", "app.log.1"}, 0},
		{"in a large folder", []string{"app.log.3", "app.log.2"}, maxRelisted},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.log")
			s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
			for _, name := range c.files {
				write(t, filepath.Join(filepath.Dir(path), name), name+"\n")
			}
			now := time.Now()
			listed := &listing{began: now, names: []string{"app.log", "app.log.1", "app.log.3"}}
			for range c.more {
				listed.names = append(listed.names, "other.log")
			}
			s.listings[filepath.Dir(path)] = listed
			all := s.passages(gap{path: path, name: path, where: path}, now)
			defer dismissAll(all)
			var found []string
			for _, p := range all {
				found = append(found, filepath.Base(p.path))
			}
			if !slices.Equal(found, c.files) {
				t.Errorf("found %q, want %q", found, c.files)
			}
		})
	}
}

// TestUntilStill: a rotator that is held up for a moment is waited for, one that
// never ends is not.
func TestUntilStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if !untilStill(func() bool { return time.Since(begin) >= 50*time.Millisecond }) {
			t.Error("not for 50 ms")
		}
		begin = time.Now()
		if untilStill(func() bool { return false }) || time.Since(begin) > 200*time.Millisecond {
			t.Errorf("for %v", time.Since(begin))
		}
	})
}
