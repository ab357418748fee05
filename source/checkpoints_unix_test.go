//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFileCheckpointsRefusesPipes(t *testing.T) {
	for _, suffix := range []string{"", prevSuffix} {
		path := filepath.Join(t.TempDir(), "cursors")
		if err := syscall.Mkfifo(path+suffix, 0o600); err != nil {
			t.Skip(err)
		}
		_, err := NewFileCheckpoints(path) // and does not wait for a writer
		if err == nil || !strings.Contains(err.Error(), path+suffix+" is not a regular file") {
			t.Errorf("a pipe at %q: %v", suffix, err)
		}
	}
}

func TestFileCheckpointsUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	path := filepath.Join(t.TempDir(), "cursors")
	data, _ := ckptFile1()
	if err := errors.Join(os.WriteFile(path, data, 0o200), os.WriteFile(path+prevSuffix, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	// Not damaged: the previous generation would be an answer to another question.
	if _, err := NewFileCheckpoints(path); !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrCheckpointsDamaged) ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("an unreadable file: %v", err)
	}
}
