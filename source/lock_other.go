//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package source

import (
	"errors"
	"io"
	"io/fs"
)

// lockFile refuses: without a lock that ends with the process, two of them could write the same file.
func lockFile(name string) (io.Closer, error) {
	return nil, &fs.PathError{Op: "lock", Path: name, Err: errors.ErrUnsupported}
}
