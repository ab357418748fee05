package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCopySinceListing: the copy of a file that was truncated is found though it
// was made after the folder was listed for another one.
func TestCopySinceListing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write(t, path, "the first line of all\n")
	s := newIdleScanner(t, Config{Paths: []string{path}, NoWatch: true})
	now := time.Now()
	s.begin(t.Context())
	f := s.spots[path].cur
	f.offset, f.anchor = f.size, anchorOf(f.prefix)

	s.list(filepath.Dir(path), now)
	write(t, path+".1", string(f.prefix))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	s.sweep.ended, s.sweep.took = now, time.Minute // it is not time for another
	s.verify(f, now)
	if f.at != path+".1" {
		t.Errorf("the file goes on at %q", f.at)
	}
	if n := s.spots[path].cur; n == f || n.after != f {
		t.Error("the truncated file does not wait for its copy")
	}
}
