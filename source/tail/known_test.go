package tail

import (
	"path/filepath"
	"testing"
)

// TestUsurped: a file of which nothing is known gives its number to others, and
// is not taken for them. Those of two programs would be mixed up.
func TestUsurped(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "a", "app.log")
	for name, c := range map[string]struct {
		packed packing
		n      int    // of its print
		at     string // where it is now
		path   string
		want   bool
	}{
		"renamed":                       {unpacked, 0, "", dir + "/a/app.log.1", false},
		"in another folder":             {unpacked, 0, "", dir + "/b/app.log", true},
		"in another folder, known":      {unpacked, 64, "", dir + "/b/app.log", false},
		"compressed, it was not":        {unpacked, 64, "", dir + "/a/app.log.1.gz", true},
		"compressed, in another folder": {gzipped, 0, "", dir + "/b/app.log.1.gz", true},
	} {
		f := &file{path: there, packed: c.packed, place: -1}
		f.setPlace(there)
		f.at, f.print.n, f.id = c.at, c.n, identity{1, 2}
		if got := f.usurped(c.path); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
