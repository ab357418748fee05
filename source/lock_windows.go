package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const errorSharingViolation = syscall.Errno(32) // winerror.h; package syscall does not name it

// lockFile takes the lock file at name, made if need be, until the result is closed or the process ends. It does not
// wait: if it is taken, even by this process, the error is an ErrCheckpointsLocked. Others may read the file, to learn
// who has it, but nobody else can open it for writing, as this does.
func lockFile(name string) (io.Closer, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, lockedError(name)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(handle), name)
	noteHolder(f)
	return f, nil
}
