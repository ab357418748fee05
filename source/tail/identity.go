package tail

import (
	"errors"
	"io"
	"io/fs"
)

// An identity names a file for as long as it exists. A number may be given to
// another file as soon as the last name and the last handle of the first are
// gone, which is why it is never trusted alone.
type identity struct{ dev, ino uint64 }

// A fileInfo is what the system says about a file.
type fileInfo struct {
	id    identity
	size  int64
	mtime int64 // nanoseconds; only compared
	links uint64
	mode  fs.FileMode
}

// A reader is what is needed of an open file.
type reader interface {
	io.ReaderAt
	io.Closer
}

var errNotRegular = errors.New("not a regular file")
