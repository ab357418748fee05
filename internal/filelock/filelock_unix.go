//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

func lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := flock(f); {
	case err == nil:
		noteHolder(f)
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(heldError(name), f.Close())
	default:
		return nil, errors.Join(err, f.Close())
	}
}

// Claim takes f itself, which is open, until it is closed. Nobody is kept from it but those who call Claim, too. It
// does not wait: if f is taken, even by this process through another handle, the error is a *HeldError.
func Claim(f *os.File) error {
	err := flock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &HeldError{Name: f.Name()}
	}
	return err
}

// flock asks through SyscallConn, as Fd would make the file block.
func flock(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for failed = syscall.EINTR; failed == syscall.EINTR; {
			failed = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
		}
	})
	if err == nil && failed != nil {
		err = &fs.PathError{Op: "flock", Path: f.Name(), Err: failed}
	}
	return err
}
