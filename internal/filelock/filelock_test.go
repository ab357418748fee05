package filelock

import (
	"errors"
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
