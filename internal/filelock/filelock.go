// Package filelock keeps two processes, or two parts of one, from using the same file. A lock ends with its process,
// however that ends.
package filelock

import (
	"fmt"
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
