package loki

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// settleTime is how long before it is read a file must have been changed last for its time to tell the next change: file
// systems count time in steps, of up to two seconds.
const settleTime = 2 * time.Second

// maxFile bounds what is read of a file. Bundles of certificates have some hundred kilobytes.
const maxFile = 4 << 20

// A file is one that a field of Config names, and is read again when it has changed. It is used by one goroutine at a
// time.
type file struct {
	field string
	path  string
	data  []byte
	seen  os.FileInfo // of what was read; nil: nothing, or it could not be read since
	clear bool        // a change would be seen in its time, its size, or by its being another file
}

// newFile returns a file that has not been read; nil if there is no path.
func newFile(field, path string) *file {
	if path == "" {
		return nil
	}
	return &file{field: field, path: path}
}

// load reads the file unless it is known not to have changed, and reports whether it did. If it fails, data stays as it
// was. Errors name field and path, and nothing of the content.
func (f *file) load(force bool) (read bool, err error) {
	if f == nil || !force && f.same() {
		return false, nil
	}
	data, info, err := readFile(f.path)
	if err != nil {
		f.seen = nil
		return false, f.errorf("%w", err)
	}
	f.data, f.seen = data, info
	f.clear = time.Since(info.ModTime()) > settleTime
	return true, nil
}

// same reports whether path still leads to the file that was read, as far as can be told without reading it. A link on
// the way that leads elsewhere, as Kubernetes' do after an update, makes it another file.
func (f *file) same() bool {
	if f.seen == nil || !f.clear {
		return false
	}
	info, err := os.Stat(f.path)
	return err == nil && os.SameFile(info, f.seen) && info.Size() == f.seen.Size() && info.ModTime().Equal(f.seen.ModTime())
}

// bytes returns data, nil if there is no file.
func (f *file) bytes() []byte {
	if f == nil {
		return nil
	}
	return f.data
}

func (f *file) errorf(format string, args ...any) error {
	return wrong(f.field, format, args...)
}

// readFile reads a regular file: others may block whoever opens them.
func readFile(path string) ([]byte, os.FileInfo, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	// Of what is open, so that a change after this is seen.
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(data) > maxFile:
		return nil, nil, fmt.Errorf("%s: %w", path, errFileSize)
	}
	return data, info, nil
}

var errFileSize = errors.New("larger than 4 MiB")
