package filelock

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

// What package syscall does not name, of winerror.h and fileapi.h.
const (
	errorSharingViolation = syscall.Errno(32)
	errorLockViolation    = syscall.Errno(33)

	lockfileFailImmediately = 1
	lockfileExclusiveLock   = 2
)

// lock opens the file so that nobody else can open it for writing.
func lock(name string) (io.Closer, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, heldError(name)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(handle), name)
	noteHolder(f)
	return f, nil
}

// Claim takes f itself, which is open, until it is closed. Nobody is kept from it but those who call Claim, too: what
// is locked is one byte far behind the end, so that others may read and write. It does not wait: if f is taken, even by
// this process through another handle, the error is a *HeldError. It may be called concurrently.
func Claim(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	lockFileEx := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")
	if err := lockFileEx.Find(); err != nil {
		return err
	}
	var took uintptr
	var failed error
	err = conn.Control(func(handle uintptr) {
		at := syscall.Overlapped{OffsetHigh: 1 << 30}
		took, _, failed = lockFileEx.Call(handle, lockfileExclusiveLock|lockfileFailImmediately, 0, 1, 0,
			uintptr(unsafe.Pointer(&at)))
	})
	switch {
	case err != nil || took != 0:
		return err
	case errors.Is(failed, errorLockViolation):
		return &HeldError{Name: f.Name()}
	default:
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: failed}
	}
}
