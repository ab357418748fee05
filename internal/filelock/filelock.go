// Package filelock keeps two processes, or two parts of one, from using the same file. A lock ends with its process,
// however that ends.
package filelock

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// A HeldError is returned when somebody else has the lock, this process included.
type HeldError struct {
	Name string // of the file that is locked
	PID  int    // of the process that has it, as far as that is known; 0: it is not
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return e.Name + " is held"
	}
	return fmt.Sprintf("%s is held by process %d", e.Name, e.PID)
}

// Lock takes the lock file at name, made if need be with mode 0600, until the result is closed or the process ends. It
// does not wait: if it is taken, even by this process, the error is a *HeldError. What stands at name and is no regular
// file, a symbolic link included, is refused: our process id is written into the file. Others may read it, to learn who
// has it. The file itself stays: removing it would let two processes hold locks on two files of that name. Lock may be
// called concurrently.
func Lock(name string) (io.Closer, error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: fmt.Errorf("is not a regular file: %w", fs.ErrInvalid)}
	}
	return lock(name)
}

// noteHolder writes our process id into the lock file, for the error of whoever finds it locked. That it may fail, on a
// full disk, does not weaken the lock.
func noteHolder(lock *os.File) {
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
}

// heldError names the lock file and, if it can be read, the process that noteHolder left there.
func heldError(name string) error {
	held := &HeldError{Name: name}
	if data, err := os.ReadFile(name); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			held.PID = pid
		}
	}
	return held
}
