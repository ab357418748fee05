package durable

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// SyncDir makes the names in the folder at name durable. Windows has no such call, and some network file systems refuse
// it; their names are as durable as they make them.
func SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(SyncNames(dir), dir.Close())
}

// SyncNames is SyncDir for a folder that is open.
func SyncNames(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	err := dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return err
}
