package file

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// openTries is how often a file is opened that is renamed, or whose folder is removed, at the same time.
const openTries = 5

var (
	errNotRegular = errors.New("not a regular file")
	errUnsteady   = errors.New("it is replaced as fast as it is opened")
)

// open opens the file at the path, or makes it.
func (l *log) open(now time.Time) error {
	last := errUnsteady
	for range openTries {
		f, made, err := l.openOrMake()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			last = err
			continue
		}
		if err != nil {
			return err
		}
		info, err := l.vet(f, made)
		if err == nil && info == nil {
			_ = f.Close()
			continue
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		l.take(f, info, made, now)
		if err := l.adopt(info.Size()); err != nil {
			_ = l.abandon()
			return err
		}
		return nil
	}
	return last
}

// openOrMake opens what is at the path, or makes it and the folders it is in.
func (l *log) openOrMake() (f diskFile, made bool, err error) {
	d, cfg := l.sink.disk, &l.sink.cfg
	info, err := d.stat(l.path)
	switch {
	case err == nil && !info.Mode().IsRegular(): // to open a pipe may wait for its reader
		return nil, false, errNotRegular
	case err == nil:
		f, err = d.open(l.path, os.O_RDWR|os.O_APPEND, 0)
		return f, false, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, err
	}
	flag := os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_EXCL
	f, err = d.open(l.path, flag, cfg.Mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := l.makeFolder(); err != nil {
			return nil, false, err
		}
		f, err = d.open(l.path, flag, cfg.Mode)
	}
	return f, err == nil, err
}

// makeFolder makes the folder for the file, and the root again if somebody removed even that.
func (l *log) makeFolder() error {
	if err := l.sink.disk.restore(); err != nil {
		return err
	}
	err := l.sink.disk.makeFolders(l.folder(), l.sink.cfg.FolderMode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed at this very moment: whoever opens the file finds out
	}
	return err
}

// vet makes a file ours. If it is no longer the one at the path, it returns nothing.
func (l *log) vet(f diskFile, made bool) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	err = claim(f)
	if err != nil && l.sink.yield(info) {
		err = claim(f)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	at, err := l.sink.disk.stat(l.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, at) {
		return nil, nil
	}
	if err != nil || !made {
		return info, err
	}
	if err := l.sink.dress(f); err != nil {
		// Else the next attempt would find the file there, and take it as it is.
		return nil, errors.Join(err, l.sink.remove(l.path))
	}
	return info, nil
}

// yield closes the file that info describes if another log of this Sink has it open, by another name, and reports
// whether it did.
func (s *Sink) yield(info fs.FileInfo) (yielded bool) {
	for _, l := range s.shelf.all() {
		if l.tryLock() { // without waiting, as in victim
			if l.file != nil && os.SameFile(l.info, info) {
				if err := l.evict(); err != nil {
					s.troubles.note(l.path, s.fault(l.path, err))
				}
				yielded = true
			}
			l.unlock()
		}
		s.shelf.release(l)
	}
	return yielded
}

// dress gives a new file its mode and owner.
func (s *Sink) dress(f diskFile) error {
	if err := f.Chmod(s.cfg.Mode); err != nil {
		return err
	}
	if o := s.cfg.Owner; o != nil {
		return f.Chown(o.UID, o.GID)
	}
	return nil
}

// take takes f for the file of l.
func (l *log) take(f diskFile, info fs.FileInfo, made bool, now time.Time) {
	l.file, l.info = f, info
	l.last, l.ours = info.ModTime(), false
	l.sound = info.Size()
	// Whoever made the file may have ended, or failed, before its name was on the medium.
	l.fresh = made || l.sink.cfg.Sync == SyncBatch
	l.torn, l.owed = false, l.sink.shelf.settle(l.path)
	l.flushed = now
	l.sink.shelf.opened(l)
	l.sink.stats.opened.Add(1)
}

// abandon closes the file as it is.
func (l *log) abandon() error {
	err := l.file.Close()
	l.file, l.info = nil, nil
	l.sink.shelf.closed(l)
	return err
}
