//go:build unix

package tail

import (
	"errors"
	"syscall"
)

// defaultMaxOpen leaves most descriptors to the program this is a part of.
func defaultMaxOpen() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return maxOpen
	}
	return int(max(1, min(maxOpen, uint64(limit.Cur)/4)))
}

// exhausted reports whether err says that the process, or the system, has no
// descriptors left.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
