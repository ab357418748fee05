//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package file

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipe: what is no file is not opened, for a pipe would wait for its reader.
func TestPipe(t *testing.T) {
	r := newRig(t, Config{Path: "{app}.log"})
	if err := syscall.Mkfifo(filepath.Join(r.dir, "shop.log"), 0o600); err != nil {
		t.Skip(err)
	}
	if err := r.try(noon, shop, "1"); !errors.Is(err, errNotRegular) {
		t.Error(err)
	}
	r.tidy(t.Context(), noon)
}
