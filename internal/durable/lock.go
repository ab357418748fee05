package durable

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// A HeldError says that somebody, in this process or another, has a lock.
type HeldError struct {
	Path string
	PID  int // of the process that has it; 0: it is not known
}

// Error names the lock file and, if it is known, the process.
func (e *HeldError) Error() string {
	if e.PID == 0 {
		return e.Path + " is held"
	}
	return fmt.Sprintf("%s is held by process %d", e.Path, e.PID)
}

// Lock takes the lock file at name, made if need be with mode 0600, until the result is closed or the process ends. It
// does not wait: if it is taken, even by this process, the error is a [*HeldError]. What stands at name and is no
// regular file, a symbolic link included, is refused: our process id is written into the file. The file itself stays:
// removing it would let two processes hold locks on two files of that name.
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

// held returns the error of who found the lock file taken, with the process that noteHolder left there.
func held(name string) error {
	e := &HeldError{Path: name}
	if data, err := os.ReadFile(name); err == nil {
		e.PID, _ = strconv.Atoi(strings.TrimSpace(string(data)))
	}
	return e
}
