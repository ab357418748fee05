//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lockFile takes the lock file at name, made if need be, until the result is closed or the process ends. It does not
// wait: if it is taken, even by this process, the error is an ErrCheckpointsLocked. The file itself stays: removing it
// would let two processes hold locks on two files of that name.
func lockFile(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		noteHolder(f)
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = lockedError(name)
	} else {
		err = &fs.PathError{Op: "flock", Path: name, Err: err}
	}
	return nil, errors.Join(err, f.Close())
}
