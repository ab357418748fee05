package tail

import (
	"errors"
	"syscall"
)

// defaultMaxOpen: Windows bounds handles by memory alone.
func defaultMaxOpen() int { return maxOpen }

// exhausted reports whether err says that no more files can be opened
// (ERROR_TOO_MANY_OPEN_FILES).
func exhausted(err error) bool { return errors.Is(err, syscall.Errno(4)) }
