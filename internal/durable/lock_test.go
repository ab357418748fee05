package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/logferry/logferry/internal/durable"
)

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := durable.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = durable.Lock(name)
	held, ok := errors.AsType[*durable.HeldError](err)
	if !ok || held.Path != name || held.PID != os.Getpid() {
		t.Fatalf("locked twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := durable.Lock(name)
	if err != nil {
		t.Fatalf("the lock is not given back: %v", err)
	}
	again.Close()
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
	if _, err := durable.Lock(name); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("locked a link: %v", err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("what the link leads to is now %q", text)
	}
}

func TestSync(t *testing.T) {
	dir := t.TempDir()
	if err := durable.SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := durable.SyncDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncData(f); err != nil {
		t.Error(err)
	}
	f.Close()
	if err := durable.SyncData(f); err == nil {
		t.Error("a closed file is said to be durable")
	}
}
