package spool

import (
	"bytes"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// A memDisk is a folder in memory that knows what of it would outlive a power loss, and can fail at any step.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode
	steps   int
	fail    func(step int, op string) error // nil: never
}

// An inode is a file's bytes, those that were on the medium at the last sync, and up to where it has space.
type inode struct {
	data, synced []byte
	space        int64
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// step is called with the lock held.
func (d *memDisk) step(op string) error {
	d.steps++
	if d.fail == nil {
		return nil
	}
	return d.fail(d.steps, op)
}

func (d *memDisk) List() (list []Listed, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		list = append(list, Listed{name, int64(len(d.names[name].data)), true})
	}
	return list, d.step("list")
}

func (d *memDisk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create"); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, fs.ErrExist
	}
	d.names[name] = &inode{}
	return &memFile{d, d.names[name]}, nil
}

func (d *memDisk) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("open"); err != nil {
		return nil, err
	}
	if d.names[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &memFile{d, d.names[name]}, nil
}

func (d *memDisk) Edit(name string) (File, error) { return d.Open(name) }

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove"); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

func (d *memDisk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("syncDir"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.names)
	return nil
}

// crash returns the folder as a kill leaves it, or, if r is not nil, a power loss: of every name and of every byte that
// was not synced something is there or not.
func (d *memDisk) crash(r *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	names := maps.Clone(d.names)
	if r != nil {
		names = maps.Clone(d.durable)
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			if r.IntN(2) == 0 {
				names[name] = d.names[name]
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.durable)) {
			if d.names[name] == nil && r.IntN(2) == 0 {
				delete(names, name)
			}
		}
	}
	for name, i := range names {
		data := slices.Clone(i.data)
		if r != nil {
			data = i.afterPowerLoss(r)
		}
		after.names[name] = &inode{data, slices.Clone(data), i.space}
	}
	after.durable = maps.Clone(after.names)
	return after
}

func (i *inode) afterPowerLoss(r *rand.Rand) []byte {
	if bytes.Equal(i.data, i.synced) {
		return slices.Clone(i.synced)
	}
	n := min(len(i.synced), len(i.data))
	if !bytes.Equal(i.data[:n], i.synced[:n]) { // written over: a part of what is new
		cut := r.IntN(n + 1)
		return slices.Concat(i.data[:cut], i.synced[cut:])
	}
	tail := slices.Clone(i.data[n:])
	switch r.IntN(4) {
	case 0: // nothing of it
		return slices.Clone(i.synced)
	case 1: // a part
		tail = tail[:r.IntN(len(tail)+1)]
	case 2: // its length alone
		clear(tail)
	case 3: // not its beginning
		clear(tail[:r.IntN(len(tail)+1)])
	}
	return slices.Concat(i.data[:n], tail)
}

type memFile struct {
	d *memDisk
	i *inode
}

func (f *memFile) Close() error { return nil }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("read"); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.i.data).ReadAt(p, off)
}

// WriteAt writes half when it is to fail, as a full disk does.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.step("write")
	if err != nil {
		p = p[:len(p)/2]
	}
	if need := int(off) + len(p); need > len(f.i.data) {
		f.i.data = append(f.i.data, make([]byte, need-len(f.i.data))...)
	}
	copy(f.i.data[off:], p)
	return len(p), err
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("sync"); err != nil {
		return err
	}
	f.i.synced = slices.Clone(f.i.data)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("truncate"); err != nil {
		return err
	}
	f.i.data = slices.Clone(f.i.data[:size])
	f.i.space = size
	return nil
}

// Reserve gives half when it is to fail, as a full disk does.
func (f *memFile) Reserve(off, end int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.step("reserve")
	if err != nil {
		end -= (end - off) / 2
	}
	f.i.space = max(f.i.space, end)
	return err
}

// errStep is the error of a step that a test lets fail.
func errStep(op string) error {
	err := syscall.EIO
	if op == "write" || op == "create" || op == "reserve" {
		err = syscall.ENOSPC
	}
	return &fs.PathError{Op: op, Path: "injected", Err: err}
}
