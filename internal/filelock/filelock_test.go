package filelock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func held(t *testing.T, err error, name string, pid int) {
	t.Helper()
	h, ok := errors.AsType[*HeldError](err)
	if !ok || h.Name != name || h.PID != pid || !strings.Contains(err.Error(), name) {
		t.Fatalf("%v: want it to be held: %s, process %d", err, name, pid)
	}
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(name)
	held(t, err, name, os.Getpid())
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if _, err := Lock(filepath.Join(name, "below a file")); err == nil {
		t.Error("locked what cannot be")
	}
}

// A lock file that leads elsewhere would have a process id written there.
func TestLockFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, name := filepath.Join(dir, "victim"), filepath.Join(dir, "lock")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, name); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	if _, err := Lock(name); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("locked a link: %v", err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("what the link leads to is now %q", text)
	}
}

func TestClaim(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(), open()
	if err := Claim(first); err != nil {
		t.Fatal(err)
	}
	held(t, Claim(second), name, 0)
	if _, err := second.WriteString("whoever does not claim it may write\n"); err != nil {
		t.Error(err)
	}
	first.Close()
	if err := Claim(second); err != nil {
		t.Errorf("after it was closed: %v", err)
	}
	if err := Claim(first); err == nil {
		t.Error("claimed a closed file")
	}
}
