package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const errorSharingViolation = syscall.Errno(32) // winerror.h; package syscall does not name it

// lock opens the file as nobody else can while it is open: others may read it, to learn who has it, but not open it
// for writing, as this does.
func lock(name string) (io.Closer, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, held(name)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(handle), name)
	noteHolder(f)
	return f, nil
}
