package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// SyncData makes f's bytes durable, and of what is known about the file no more than is needed to read them.
func SyncData(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = syscall.Fdatasync(int(fd)); failed != syscall.EINTR {
				return
			}
		}
	})
	if err == nil && failed != nil {
		err = &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: failed}
	}
	return err
}
