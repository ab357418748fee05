package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/internal/durable"
	"github.com/logferry/logferry/internal/filelock"
)

// disk is every operation by which this package touches files, below one folder that no name leaves. Names are
// slash-separated. Tests put a disk in its place that fails, or is full, at any one of them.
type disk interface {
	open(name string, flag int, mode fs.FileMode) (diskFile, error)
	stat(name string) (fs.FileInfo, error)  // follows symbolic links
	lstat(name string) (fs.FileInfo, error) // does not
	list(folder string) ([]string, error)
	makeFolders(name string, mode fs.FileMode) error
	rename(from, to string) error
	remove(name string) error
	setTime(name string, modified time.Time) error
	syncFolder(name string) error // the names in it
	restore() error               // finds the folder again after it was removed or renamed, and makes it if need be
	close() error
}

// diskFile is an [os.File] as far as it is needed.
type diskFile interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
	claim() error // see filelock.Claim
}

// A rootDisk is a folder of the operating system.
type rootDisk struct {
	name string
	mode fs.FileMode
	at   atomic.Pointer[os.Root]
}

func openRoot(name string, mode fs.FileMode) (*rootDisk, error) {
	d := &rootDisk{name: name, mode: mode}
	root, err := d.makeRoot()
	if err != nil {
		return nil, err
	}
	d.at.Store(root)
	return d, nil
}

func (d *rootDisk) makeRoot() (*os.Root, error) {
	if err := os.MkdirAll(d.name, d.mode); err != nil {
		return nil, err
	}
	return os.OpenRoot(d.name)
}

func (d *rootDisk) root() *os.Root { return d.at.Load() }

func (d *rootDisk) restore() error {
	old := d.root()
	was, err := old.Stat(".")
	if err != nil {
		return err
	}
	if is, err := os.Stat(d.name); err == nil && os.SameFile(is, was) {
		return nil
	}
	root, err := d.makeRoot()
	if err != nil {
		return err
	}
	if !d.at.CompareAndSwap(old, root) { // somebody else was quicker
		return root.Close()
	}
	return old.Close()
}

type rootFile struct{ *os.File }

func (f rootFile) claim() error { return filelock.Claim(f.File) }

// Sync leaves out what is not needed to read the bytes.
func (f rootFile) Sync() error { return durable.SyncData(f.File) }

func (d *rootDisk) open(name string, flag int, mode fs.FileMode) (diskFile, error) {
	f, err := d.root().OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
}

func (d *rootDisk) stat(name string) (fs.FileInfo, error)  { return d.root().Stat(name) }
func (d *rootDisk) lstat(name string) (fs.FileInfo, error) { return d.root().Lstat(name) }
func (d *rootDisk) rename(from, to string) error           { return d.root().Rename(from, to) }
func (d *rootDisk) remove(name string) error               { return d.root().Remove(name) }
func (d *rootDisk) close() error                           { return d.root().Close() }

func (d *rootDisk) makeFolders(name string, mode fs.FileMode) error {
	return d.root().MkdirAll(name, mode)
}

func (d *rootDisk) setTime(name string, modified time.Time) error {
	return d.root().Chtimes(name, modified, modified)
}

func (d *rootDisk) list(folder string) ([]string, error) {
	f, err := d.root().Open(folder)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (d *rootDisk) syncFolder(name string) error {
	f, err := d.root().Open(name)
	if err != nil {
		return err
	}
	return errors.Join(durable.SyncNames(f), f.Close())
}

// syncFolders makes a name durable, and those of the folders it is in. A folder that somebody has removed has none.
func syncFolders(d disk, name string) error {
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		err := d.syncFolder(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || folder == "." {
			return err
		}
	}
}

// claim keeps other Sinks from f, where the file system has locks. It returns ErrInUse if one of them has it.
func claim(f diskFile) error {
	err := f.claim()
	if _, held := errors.AsType[*filelock.HeldError](err); held {
		return ErrInUse
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// exists reports whether there is anything of that name.
func exists(d disk, name string) (bool, error) {
	_, err := d.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
