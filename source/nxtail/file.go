package nxtail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
)

// A file is what was found at a path, kept open: its name for nxadm/tail leads
// through the descriptor.
type file struct {
	f  *os.File
	fi fs.FileInfo // when it was opened: what it is, not how long
	id identity
	// start is where reading begins if there is no cursor.
	start int64
	// gone is set by the finder when the path does not lead to the file any more.
	gone atomic.Bool
}

// An identity tells files of one system apart while they exist.
type identity struct{ dev, ino uint64 }

var errNotRegular = errors.New("not a regular file")

// openFile opens a file for reading. O_NONBLOCK keeps a FIFO from blocking the
// open; nxadm/tail would hang in it, and never see a folder's error.
func openFile(path string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close() // read only: there is nothing it could lose
		return nil, err
	}
	return &file{f: f, fi: fi, id: identityOf(fi)}, nil
}

// name is a path of the open file, whatever becomes of the one it was opened by.
// In polling mode nxadm/tail ends the process when a stat fails for another
// reason than that there is no such file: when a folder above it was closed to us
// or became a file, for one. A stat of this name looks at no folder but /proc.
func (f *file) name() string { return fmt.Sprintf("/proc/self/fd/%d", f.f.Fd()) }

// size is how long the file is now, -1 if it does not say.
func (f *file) size() int64 {
	fi, err := f.f.Stat()
	if err != nil {
		return -1
	}
	return fi.Size()
}

// end is the offset behind the last whole line, 0 if there is none.
func (f *file) end() int64 {
	chunk := make([]byte, 64<<10)
	for at := f.size(); at > 0; at -= int64(len(chunk)) {
		from := max(0, at-int64(len(chunk)))
		n, _ := f.f.ReadAt(chunk[:at-from], from) // what cannot be read ends no line
		if i := bytes.LastIndexByte(chunk[:n], '\n'); i >= 0 {
			return from + int64(i) + 1
		}
	}
	return 0
}

// cursorAt is the cursor at offset, with an anchor of n bytes. It fails if the file
// is shorter.
func (f *file) cursorAt(offset int64, n int) (cursor, error) {
	buf := make([]byte, n)
	if _, err := f.f.ReadAt(buf, offset-int64(len(buf))); err != nil {
		return cursor{}, err
	}
	return cursor{f.id, offset, anchorOf(buf)}, nil
}

// holds reports whether this is the file of c, with what was delivered of it.
func (f *file) holds(c cursor) bool {
	if f.id != c.id {
		return false
	}
	now, err := f.cursorAt(c.offset, c.anchor.n)
	return err == nil && now == c
}

// scanMax bounds how far owes looks for the end of a line, again and again.
const scanMax = 1 << 20

// owes reports whether there is a whole line behind offset. It looks further in a
// file that is about to be closed.
func (f *file) owes(offset int64, last bool) (bool, error) {
	most := int64(scanMax)
	if last {
		most = maxMaxLine
	}
	chunk := make([]byte, 64<<10)
	for end := offset + most; offset < end; offset += int64(len(chunk)) {
		n, err := f.f.ReadAt(chunk, offset)
		if bytes.IndexByte(chunk[:n], '\n') >= 0 {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// close gives the descriptor back. No Tail may be left that knows its name.
func (f *file) close() { f.f.Close() } // read only: there is nothing it could lose
