package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/logferry/logferry/internal/durable"
)

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
