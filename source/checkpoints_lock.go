package source

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// noteHolder writes our process id into the lock file, for the error of whoever finds it locked. That it may fail, on a
// full disk, does not weaken the lock.
func noteHolder(lock *os.File) {
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
}

// lockedError names the lock file and, if it can be read, the process that noteHolder left there.
func lockedError(name string) error {
	if data, err := os.ReadFile(name); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			return fmt.Errorf("%w: %s is held by process %d", ErrCheckpointsLocked, name, pid)
		}
	}
	return fmt.Errorf("%w: %s is held", ErrCheckpointsLocked, name)
}
