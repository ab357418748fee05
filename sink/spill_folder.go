package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/internal/durable"
	"github.com/logferry/logferry/internal/filelock"
	"github.com/logferry/logferry/internal/spool"
)

// A spillFolder is a queue's folder on a real disk. Nothing it is asked for leads out of it, through a link neither.
type spillFolder struct{ root *os.Root }

// openSpillFolder opens the folder, makes it if need be, and locks it.
func openSpillFolder(dir string) (spillFolder, io.Closer, error) {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = durable.SyncDir(filepath.Dir(filepath.Clean(dir))) // "queue/" lies in ".", not in itself
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return spillFolder{}, nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return spillFolder{}, nil, err
	}
	lock, err := filelock.Lock(filepath.Join(dir, "lock"))
	if held, ok := errors.AsType[*filelock.HeldError](err); ok {
		err = fmt.Errorf("%w: %w", ErrSpillLocked, held)
	}
	if err != nil {
		return spillFolder{}, nil, errors.Join(err, root.Close())
	}
	return spillFolder{root}, closers{lock, root}, nil
}

// closers are closed together.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

func (f spillFolder) List() (list []spool.Listed, err error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, spool.Listed{Name: entry.Name(), Size: info.Size(), Regular: info.Mode().IsRegular()})
	}
	return list, err
}

func (f spillFolder) Create(name string) (spool.File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return spillFile{file}, nil
}

func (f spillFolder) Open(name string) (spool.File, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	return spillFile{file}, nil
}

func (f spillFolder) Edit(name string) (spool.File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return spillFile{file}, nil
}

func (f spillFolder) Remove(name string) error {
	if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sync opens the folder by the root, not by its name: that may be relative, and the process go elsewhere.
func (f spillFolder) Sync() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(durable.SyncNames(dir), dir.Close())
}

// A spillFile syncs what is needed to read it back; its times may be lost.
type spillFile struct{ *os.File }

func (f spillFile) Sync() error { return durable.SyncData(f.File) }

func (f spillFile) Reserve(off, end int64) error { return durable.Reserve(f.File, off, end) }
