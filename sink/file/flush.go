package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// A loss is a range of writes that were not flushed when the medium failed. Nobody knows what is there of them.
type loss struct {
	from, to uint64 // not including from
	err      error
}

// losses are those that somebody may still ask for.
type losses []loss

// maxLosses bounds them; of more, neighbours become one, and who asks for what is between them writes it again.
const maxLosses = 16

func (ls *losses) add(x loss) {
	if len(*ls) == maxLosses {
		(*ls)[1].from = (*ls)[0].from
		*ls = (*ls)[1:]
	}
	*ls = append(*ls, x)
}

// of returns why the write seq is lost, or nil.
func (ls losses) of(seq uint64) error {
	for _, x := range ls {
		if x.from < seq && seq <= x.to {
			return x.err
		}
	}
	return nil
}

// flush returns once the write seq, and all before it, are on the medium. Who waits for a turn meanwhile writes first:
// then one flush is for all of them.
func (l *log) flush(seq uint64) error {
	if err := l.losses.of(seq); err != nil {
		return err
	}
	if l.synced >= seq {
		return nil
	}
	return l.sync()
}

// dirty reports whether there is something to flush.
func (l *log) dirty() bool { return l.file != nil && (l.seq > l.synced || l.fresh || l.owed) }

// sync flushes the file, and its name if it is new.
func (l *log) sync() error {
	err := l.file.Sync()
	if err == nil && l.fresh {
		err = syncFolders(l.sink.disk, l.path)
	}
	l.sink.stats.syncs.Add(1)
	if err != nil {
		l.lose(err)
		return err
	}
	l.synced, l.sound, l.fresh, l.owed = l.seq, l.size, false, false
	return nil
}

// lose notes that the medium failed. The kernel has told us once and forgets: it may take pages for clean now that were
// never written, so a second attempt on this file would prove nothing. What nobody was promised yet is cut off, so that
// it can be written again; the file is opened again.
func (l *log) lose(err error) {
	l.sink.stats.syncFailures.Add(1)
	l.losses.add(loss{l.synced, l.seq, err})
	l.synced = l.seq
	if l.sink.cfg.Sync == SyncBatch {
		l.size = l.sound
		_ = l.cut() // else lines are there twice when they have been written again
	}
	_ = l.abandon()
}

// close flushes and closes the file. An error means that lines may be lost.
func (l *log) close() error {
	if l.file == nil {
		return nil
	}
	if l.dirty() && l.sink.cfg.Sync != SyncNever {
		if err := l.sync(); err != nil {
			return err
		}
	}
	return l.shut()
}

// shut closes the file without flushing it.
func (l *log) shut() error {
	if l.torn {
		_ = l.cut() // if that fails, whoever opens the file next completes the line
	}
	return l.abandon()
}

// evict closes the file to make room. If there is a task that flushes, it is left to that, which opens the file again:
// otherwise each Write would have to wait for a flush as soon as there are more files than may be open.
func (l *log) evict() error {
	if !l.dirty() || l.sink.cfg.Sync != SyncEvery || !l.sink.started.Load() {
		return l.close()
	}
	l.sink.shelf.owe(l.path)
	l.synced = l.seq
	return l.shut()
}

// flushIfNobodyDoes takes the place of a task that was not started.
func (l *log) flushIfNobodyDoes(now time.Time) {
	s := l.sink
	if s.cfg.Sync != SyncEvery || s.started.Load() || now.Sub(l.flushed) < s.cfg.SyncInterval {
		return
	}
	l.flushed = now
	if l.dirty() {
		if err := l.sync(); err != nil {
			s.troubles.note(troubleSync+l.path, s.fault(l.path, err))
			return
		}
	}
	s.troubles.note(troubleSync+l.path, nil)
}

// keepSynced is the task that flushes all files again and again.
func (s *Sink) keepSynced(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.SyncInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.syncAll(ctx)
		}
	}
}

// syncAll flushes the files that are open, and those that were closed to make room.
func (s *Sink) syncAll(ctx context.Context) {
	for _, path := range s.shelf.debts() {
		s.troubles.note(troubleSync+path, s.syncClosed(path))
	}
	for _, l := range s.shelf.all() {
		if l.lock(ctx) == nil {
			l.syncAside()
		}
		s.shelf.release(l)
	}
}

// syncClosed flushes what is at a path. If it was opened again meanwhile, whoever did that flushes it, and if it is gone,
// there is nothing to be done.
func (s *Sink) syncClosed(path string) error {
	f, err := s.disk.open(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.fault(path, err)
	}
	err = f.Sync()
	if err == nil {
		err = syncFolders(s.disk, path)
	}
	s.stats.syncs.Add(1)
	if err = errors.Join(err, f.Close()); err != nil {
		s.stats.syncFailures.Add(1)
		return s.fault(path, err)
	}
	return nil
}

// syncAside flushes without keeping its turn, which is given back, so that others write meanwhile.
func (l *log) syncAside() {
	if !l.dirty() {
		l.unlock()
		return
	}
	f, seq, size, fresh := l.file, l.seq, l.size, l.fresh
	l.owed = false
	l.unlock()
	err := f.Sync()
	if err == nil && fresh {
		err = syncFolders(l.sink.disk, l.path)
	}
	l.turn <- struct{}{} // not for longer than a write takes
	defer l.unlock()
	gone := l.file != f // closed meanwhile, and flushed before that
	if _, failed := errors.AsType[syscall.Errno](err); gone && !failed {
		return
	}
	l.sink.stats.syncs.Add(1)
	if err != nil {
		l.sink.troubles.note(troubleSync+l.path, l.sink.fault(l.path, err))
		if gone {
			l.sink.stats.syncFailures.Add(1) // who closed it was not told: the kernel says it once
			return
		}
		l.lose(err)
		return
	}
	l.sink.troubles.note(troubleSync+l.path, nil)
	l.synced = max(l.synced, seq)
	l.sound = min(max(l.sound, size), l.size)
	l.fresh = l.fresh && !fresh
}
