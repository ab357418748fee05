package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/logferry/logferry/internal/durable"
)

// What is reserved does not show in the file's length, and is given back when that is cut where it is.
func TestReserve(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	if err := durable.Reserve(f, 4, 1<<20); errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("this file system does not reserve: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if size, taken := spaceOf(t, f); size != 4 || taken < 1<<20-64<<10 {
		t.Errorf("%d bytes long, and takes %d", size, taken)
	}
	if err := f.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if size, taken := spaceOf(t, f); size != 4 || taken > 64<<10 {
		t.Errorf("cut: %d bytes long, and takes %d", size, taken)
	}
	f.Close()
	if err := durable.Reserve(f, 0, 1); err == nil {
		t.Error("a closed file has got space")
	}
}

func spaceOf(t *testing.T, f *os.File) (size, taken int64) {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
}
