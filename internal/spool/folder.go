package spool

import "io"

// A Folder is every operation by which a log touches its files, all of them in one folder and named without it. Tests
// put one in its place that fails, is full, or forgets what was not synced.
type Folder interface {
	List() ([]Listed, error)
	Create(name string) (File, error) // to write; there must be none of that name
	Open(name string) (File, error)   // to read; what it is must have been looked at with List
	Edit(name string) (File, error)   // the same, to write too
	Remove(name string) error         // no error if there is none
	Sync() error                      // makes names durable
}

// Listed is one name of a Folder.
type Listed struct {
	Name    string
	Size    int64
	Regular bool // no link, folder, pipe or device
}

// A File is an os.File as far as a log needs it, and what that has no method for.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error               // makes its bytes and its length durable
	Truncate(size int64) error // gives back what is reserved behind size, too

	// Reserve asks for space for the bytes from off up to end, and leaves the length alone. It may do nothing. After an
	// error some of the space may be taken.
	Reserve(off, end int64) error
}
