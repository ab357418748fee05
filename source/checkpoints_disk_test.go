package source

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// ckptDisk is a real disk under observation. It can fail any step, calls after each, and knows what of the folder
// would outlive a power loss at that moment. It does not sync for real, which makes thousands of runs affordable.
type ckptDisk struct {
	osDisk
	fail  func(step int, op string) error // nil: never
	after func()                          // nil: nothing
	steps int
	wrote int64

	failing int // for fail's use

	names   map[string]*ckptInode // what the folder holds
	durable map[string]*ckptInode // what it holds on the medium
	pending []ckptNames           // what happened to durable since the folder was synced
}

// ckptInode is a file's bytes, and those that were on the medium at the last sync.
type ckptInode struct{ data, synced []byte }

// ckptNames is one change of a folder, made whole or not at all: names and what they stand for, nil for nothing.
type ckptNames map[string]*ckptInode

func newCkptDisk() *ckptDisk {
	return &ckptDisk{names: make(map[string]*ckptInode), durable: make(map[string]*ckptInode)}
}

// step runs one operation, unless it is to fail.
func (d *ckptDisk) step(op string, do func() error) error {
	d.steps++
	if d.fail != nil {
		if err := d.fail(d.steps, op); err != nil {
			return err
		}
	}
	err := do()
	if d.after != nil {
		d.after()
	}
	return err
}

func (d *ckptDisk) change(changes ckptNames) {
	d.pending = append(d.pending, changes)
	for name, inode := range changes {
		if inode == nil {
			delete(d.names, name)
		} else {
			d.names[name] = inode
		}
	}
}

func (d *ckptDisk) open(name string, flag int) (f diskFile, err error) {
	err = d.step("open", func() error {
		if f, err = d.osDisk.open(name, flag); err != nil {
			return err
		}
		if flag&os.O_TRUNC != 0 {
			d.change(ckptNames{name: {}})
		}
		f = &ckptFile{diskFile: f, disk: d, inode: d.names[name]}
		return nil
	})
	return f, err
}

func (d *ckptDisk) link(from, to string) error {
	return d.step("link", func() error {
		err := d.osDisk.link(from, to)
		if err == nil {
			d.change(ckptNames{to: d.names[from]})
		}
		return err
	})
}

func (d *ckptDisk) rename(from, to string) error {
	return d.step("rename", func() error {
		err := d.osDisk.rename(from, to)
		if err == nil && d.names[from] != d.names[to] {
			d.change(ckptNames{to: d.names[from], from: nil})
		}
		return err
	})
}

func (d *ckptDisk) remove(name string) error {
	return d.step("remove", func() error {
		err := d.osDisk.remove(name)
		if err == nil && d.names[name] != nil {
			d.change(ckptNames{name: nil})
		}
		return err
	})
}

func (d *ckptDisk) syncDir(string) error {
	return d.step("syncDir", func() error {
		d.durable, d.pending = maps.Clone(d.names), nil
		return nil
	})
}

type ckptFile struct {
	diskFile
	disk  *ckptDisk
	inode *ckptInode
}

// WriteAt writes half when it is to fail, as a full disk does.
func (f *ckptFile) WriteAt(p []byte, at int64) (n int, err error) {
	write := func() error {
		n, err = f.diskFile.WriteAt(p, at)
		f.disk.wrote += int64(n)
		if int(at) != len(f.inode.data) {
			panic("a write elsewhere than at the end")
		}
		f.inode.data = append(f.inode.data, p[:n]...)
		return err
	}
	if err := f.disk.step("write", write); err != nil {
		p = p[:len(p)/2]
		return n, errors.Join(err, write())
	}
	return n, nil
}

func (f *ckptFile) Truncate(size int64) error {
	return f.disk.step("truncate", func() error {
		f.inode.data = f.inode.data[:size:size] // what is appended next must not show in synced
		return f.diskFile.Truncate(size)
	})
}

func (f *ckptFile) Sync() error {
	return f.disk.step("sync", func() error {
		f.inode.synced = f.inode.data
		return nil
	})
}

func (f *ckptFile) Close() error {
	real := f.diskFile.Close() // a failing close closes, too
	return f.disk.step("close", func() error { return real })
}

func (d *ckptDisk) has(name string) bool { return d.names[name] != nil }

// killed yields the folder as a kill leaves it: everything that was written.
func (d *ckptDisk) killed() map[string][]byte {
	image := make(map[string][]byte)
	for name, inode := range d.names {
		image[name] = inode.data
	}
	return image
}

// powerLost yields a folder as a power loss may leave it. Of the changes of names since the last sync of the folder,
// those chosen have happened; of each file's bytes since its last sync, content decides.
func (d *ckptDisk) powerLost(chosen func(change int) bool, content func(*ckptInode) []byte) map[string][]byte {
	names := maps.Clone(d.durable)
	for i, changes := range d.pending {
		if chosen(i) {
			maps.Copy(names, changes)
		}
	}
	image := make(map[string][]byte)
	for name, inode := range names {
		if inode != nil {
			image[name] = content(inode)
		}
	}
	return image
}

// ckptContents are ways in which the bytes of a file that was not synced may reach the medium.
var ckptContents = map[string]func(*ckptInode) []byte{
	"none of it": func(i *ckptInode) []byte { return i.synced },
	"all of it":  func(i *ckptInode) []byte { return i.data },
	"half of it": func(i *ckptInode) []byte {
		n := min(len(i.synced), len(i.data))
		return i.data[:n+(len(i.data)-n)/2]
	},
	"zeros instead": func(i *ckptInode) []byte {
		data := make([]byte, max(len(i.data), len(i.synced)))
		copy(data, i.synced)
		return data
	},
	"its second half": func(i *ckptInode) []byte {
		if len(i.data) <= len(i.synced) {
			return i.synced
		}
		data := slices.Clone(i.data)
		clear(data[len(i.synced) : len(i.synced)+(len(i.data)-len(i.synced)+1)/2])
		return data
	},
}

// eachImage calls use for every folder that a kill or a power loss could leave right now, once for equal ones.
func (d *ckptDisk) eachImage(use func(what string, image map[string][]byte)) {
	var seen []map[string][]byte
	once := func(what string, image map[string][]byte) {
		for _, other := range seen {
			if maps.EqualFunc(image, other, bytes.Equal) {
				return
			}
		}
		seen = append(seen, image)
		use(what, image)
	}
	once("killed", d.killed())
	for subset := range 1 << len(d.pending) {
		for what, content := range ckptContents {
			once("power lost, "+what, d.powerLost(func(i int) bool { return subset>>i&1 == 1 }, content))
		}
	}
}

// someImage is one of those that eachImage knows.
func (d *ckptDisk) someImage(r *rand.Rand) map[string][]byte {
	if r.IntN(3) == 0 {
		return d.killed()
	}
	ways := slices.Sorted(maps.Keys(ckptContents))
	return d.powerLost(func(int) bool { return r.IntN(2) == 0 }, ckptContents[ways[r.IntN(len(ways))]])
}

// ckptFolder makes a folder that looks like image, whose names lie in another folder, and returns where it is.
func ckptFolder(t testing.TB, image map[string][]byte) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range image {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newCkptDiskAt is a disk that knows what lies in dir, all of it durable.
func newCkptDiskAt(t testing.TB, dir string) *ckptDisk {
	t.Helper()
	d := newCkptDisk()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := filepath.Join(dir, entry.Name()); filepath.Ext(name) != lockSuffix {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			d.names[name] = &ckptInode{data: data, synced: data}
		}
	}
	d.durable = maps.Clone(d.names)
	return d
}

func mustOpenCheckpoints(t testing.TB, path string, d disk) *FileCheckpoints {
	t.Helper()
	f, err := openFileCheckpoints(path, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// noLinkDisk is a file system without hard links.
type noLinkDisk struct{ *ckptDisk }

func (d noLinkDisk) link(from, to string) error {
	return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
}

// stepFault is the error of a step that a test lets fail.
func stepFault(op string) error {
	err := syscall.EIO
	if op == "write" || op == "open" {
		err = syscall.ENOSPC
	}
	return &fs.PathError{Op: op, Path: "injected", Err: err}
}
