package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// SyncData makes f's bytes durable, and of what is known about the file no more than is needed to read them.
func SyncData(f *os.File) error {
	return call(f, "fdatasync", func(fd int) error {
		for {
			if err := syscall.Fdatasync(fd); err != syscall.EINTR {
				return err
			}
		}
	})
}

// keepSize is FALLOC_FL_KEEP_SIZE of fallocate(2).
const keepSize = 1

// Reserve asks for space for f's bytes from off up to end, and leaves its length alone; File.Truncate gives back what is
// behind it. After an error some of the space may be taken. A signal that interrupts it is an error: tmpfs undoes all it
// has done then, before Linux 6.9 or so, and in a process whose profile is taken would never come to an end of it (see
// https://go.dev/issue/69137).
func Reserve(f *os.File, off, end int64) error {
	return call(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, keepSize, off, end-off) })
}

// call makes a system call on f.
func call(f *os.File, name string, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	if err == nil && failed != nil {
		err = &fs.PathError{Op: name, Path: f.Name(), Err: failed}
	}
	return err
}
