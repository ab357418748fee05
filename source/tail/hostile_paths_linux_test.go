//go:build linux

package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestHostileFolderPermission: a folder that is closed to us for longer than
// RotateWait has not lost its files.
func TestHostileFolderPermission(t *testing.T) {
	bind(t)
	s := besiege(t, Config{})
	write(t, s.bad, "one\n")
	s.want("one")
	for i := range 2 {
		chmod(t, filepath.Dir(s.bad), 0)
		s.fails(s.bad, i+1)
		for end := time.Now().Add(3 * s.r.src.plan.RotateWait); time.Now().Before(end); {
			s.goesOn() // it is not taken for a file that was rotated and is finished
		}
		chmod(t, filepath.Dir(s.bad), 0o700)
		s.recovers(s.bad)
		s.want("one")
	}
	write(t, s.bad, "two\n")
	s.want("one", "two")
}

// TestHostileReads: a file can be opened, and each read of it fails.
func TestHostileReads(t *testing.T) {
	const unreadable = "/sys/class/net/lo/speed"
	if _, err := os.ReadFile(unreadable); err == nil || os.IsNotExist(err) {
		t.Skip(unreadable, " is no file whose reads fail: ", err)
	}
	s := besiege(t, Config{})
	if err := os.Symlink(unreadable, s.bad); err != nil {
		t.Fatal(err)
	}
	s.fails(s.bad, 1)
	if err := os.Remove(s.bad); err != nil {
		t.Fatal(err)
	}
	write(t, s.bad, "one\n")
	s.recovers(s.bad)
	s.want("one")
}
