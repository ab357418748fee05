package tail

import (
	"io"
	"os"
)

// A handle is an open file: what the system says of it, and what it holds.
type handle struct {
	file    *os.File
	content io.ReaderAt // the file itself, as a rule
}

// ReadAt reads what the file holds.
func (h *handle) ReadAt(p []byte, off int64) (int, error) { return h.content.ReadAt(p, off) }

// Close closes the file.
func (h *handle) Close() error {
	h.rest()
	return h.file.Close()
}

func (h *handle) stat() (fileInfo, error) { return statFile(h.file) }

// path is the one the file was opened by.
func (h *handle) path() string { return h.file.Name() }

// closeHandle closes h, if it is not nil: it was opened for reading, and there
// is nothing to lose.
func closeHandle(h *handle) {
	if h != nil {
		h.Close()
	}
}
