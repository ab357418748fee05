package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/logferry/logferry/internal/durable"
)

// disk is every operation by which a checkpoint file changes. Tests put a disk in its place that fails, is full or
// stops at any one of them.
type disk interface {
	open(name string, flag int) (diskFile, error)
	link(from, to string) error
	rename(from, to string) error
	remove(name string) error // no error if there is none
	syncDir(name string) error
}

// diskFile is an [os.File] as far as a disk's files are needed.
type diskFile interface {
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

type osDisk struct{}

func (osDisk) open(name string, flag int) (diskFile, error) { return os.OpenFile(name, flag, 0o600) }
func (osDisk) link(from, to string) error                   { return os.Link(from, to) }
func (osDisk) rename(from, to string) error                 { return os.Rename(from, to) }

func (osDisk) remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (osDisk) syncDir(name string) error { return durable.SyncDir(name) }

// writeNew writes all of src to a new file at name and to the medium, or leaves no such file.
func writeNew(d disk, name string, src io.Reader) error {
	f, err := d.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(f, 0), src)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.remove(name))
	}
	return nil
}

// duplicate makes to a second name of the file at from, or a copy where the file system has no hard links. At every
// instant from is untouched, and to is what it was or all of from.
func duplicate(d disk, from, to string) error {
	tmp := to + ".tmp"
	if err := d.remove(tmp); err != nil { // link does not replace
		return err
	}
	if d.link(from, tmp) != nil {
		if err := copyFile(d, from, tmp); err != nil {
			return err
		}
	}
	// If to names the same file already, rename(2) does nothing and leaves tmp behind.
	return errors.Join(d.rename(tmp, to), d.remove(tmp))
}

func copyFile(d disk, from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	return writeNew(d, to, src)
}

// readContents reads the checkpoint file at name. What is wrong inside is in the contents; the error says why they
// could not be read at all, or is an errVersion.
func readContents(name string) (contents, error) {
	info, err := os.Stat(name)
	if err != nil {
		return contents{}, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return contents{}, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return contents{}, err
	}
	defer f.Close()
	// The header alone first: the path may be that of some other, huge file.
	head, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return contents{}, err
	}
	start, err := decodeHeader(head)
	if errors.Is(err, errVersion) {
		return contents{}, fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return contents{damage: err}, nil
	}
	data, err := io.ReadAll(io.MultiReader(bytes.NewReader(head), f))
	if err != nil {
		return contents{}, err
	}
	return decodeContents(data, start), nil
}
