package file

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"
	"time"
)

// A faultDisk is a disk of which any operation can fail, and of which a write can be cut short. It does not flush.
type faultDisk struct {
	disk
	mu     sync.Mutex
	broken bool
	steps  int
	// fault, if set, is asked before each operation. If it returns an error, that is the result; a write has then
	// written half.
	fault func(step int, op string) error
}

func (d *faultDisk) breakAll(broken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = broken
}

func (d *faultDisk) step(op, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps++
	var err error
	if d.broken {
		err = syscall.EIO
	} else if d.fault != nil {
		err = d.fault(d.steps, op)
	}
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (d *faultDisk) open(name string, flag int, mode fs.FileMode) (diskFile, error) {
	if err := d.step("open", name); err != nil {
		return nil, err
	}
	f, err := d.disk.open(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return faultFile{f, d, name}, nil
}

func (d *faultDisk) list(folder string) ([]string, error) {
	if err := d.step("list", folder); err != nil {
		return nil, err
	}
	return d.disk.list(folder)
}

func (d *faultDisk) lstat(name string) (fs.FileInfo, error) {
	if err := d.step("lstat", name); err != nil {
		return nil, err
	}
	return d.disk.lstat(name)
}

func (d *faultDisk) setTime(name string, modified time.Time) error {
	if err := d.step("set time", name); err != nil {
		return err
	}
	return d.disk.setTime(name, modified)
}

func (d *faultDisk) rename(from, to string) error {
	if err := d.step("rename", from); err != nil {
		return err
	}
	return d.disk.rename(from, to)
}

func (d *faultDisk) remove(name string) error {
	if err := d.step("remove", name); err != nil {
		return err
	}
	return d.disk.remove(name)
}

func (d *faultDisk) stat(name string) (fs.FileInfo, error) {
	if err := d.step("stat", name); err != nil {
		return nil, err
	}
	return d.disk.stat(name)
}

func (d *faultDisk) makeFolders(name string, mode fs.FileMode) error {
	if err := d.step("mkdir", name); err != nil {
		return err
	}
	return d.disk.makeFolders(name, mode)
}

func (d *faultDisk) syncFolder(name string) error {
	return d.step("sync folder", name)
}

type faultFile struct {
	diskFile
	d    *faultDisk
	name string
}

// Write writes half of p if it fails, as a disk does that becomes full.
func (f faultFile) Write(p []byte) (int, error) {
	err := f.d.step("write", f.name)
	if err == nil {
		return f.diskFile.Write(p)
	}
	n, writeErr := f.diskFile.Write(p[:len(p)/2])
	return n, errors.Join(err, writeErr)
}

func (f faultFile) Read(p []byte) (int, error) {
	if err := f.d.step("read", f.name); err != nil {
		return 0, err
	}
	return f.diskFile.Read(p)
}

func (f faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.d.step("read", f.name); err != nil {
		return 0, err
	}
	return f.diskFile.ReadAt(p, off)
}

func (f faultFile) claim() error {
	if err := f.d.step("claim", f.name); err != nil {
		return err
	}
	return f.diskFile.claim()
}

func (f faultFile) Sync() error {
	return f.d.step("sync", f.name)
}

func (f faultFile) Truncate(size int64) error {
	if err := f.d.step("truncate", f.name); err != nil {
		return err
	}
	return f.diskFile.Truncate(size)
}

func (f faultFile) Chmod(mode fs.FileMode) error {
	if err := f.d.step("chmod", f.name); err != nil {
		return err
	}
	return f.diskFile.Chmod(mode)
}

func (f faultFile) Stat() (fs.FileInfo, error) {
	if err := f.d.step("fstat", f.name); err != nil {
		return nil, err
	}
	return f.diskFile.Stat()
}

func (f faultFile) Close() error {
	err := f.d.step("close", f.name)
	return errors.Join(err, f.diskFile.Close())
}
