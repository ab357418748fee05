package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// An Item is one record to append.
type Item struct {
	// Frame is HeaderBytes for the log to fill in, and the payload. The log may write behind it, up to its capacity: a
	// sixteenth more saves a copy.
	Frame   []byte
	Entries int // what it counts for in Stats
}

// Append makes items durable with one sync, all of them or, if it returns an error, none as far as anybody will be
// told: what reached the file is superseded, unless the process ends before the next Append. It keeps nothing of them.
//
// A file whose sync failed is given up, and the items are written to a new one at once. If that fails too, or there is
// no space, the next Append tries afresh.
func (l *Log) Append(items []Item) error {
	if err := l.fits(items); err != nil {
		return err
	}
	err := l.write(items)
	if err != nil && l.active == nil && !errors.Is(err, errNoSegment) {
		err = l.write(items)
	}
	return err
}

// errNoSegment: nothing was written, and trying again at once is no better.
var errNoSegment = errors.New("spool: no new segment")

// fits looks whether there is room.
func (l *Log) fits(items []Item) error {
	for i := range items {
		if len(items[i].Frame) > math.MaxInt32 { // it has 32 bits for its length
			return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(items[i].Frame))
		}
	}
	size := groupBytes(items)
	if size > l.cfg.MaxBytes {
		return fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, size, l.cfg.MaxBytes)
	}
	l.mu.Lock()
	used := l.used()
	empty := l.next == l.acked
	l.mu.Unlock()
	if used+size <= l.cfg.MaxBytes {
		return nil
	}
	if empty { // what takes the room is delivered: let the reader remove it
		l.seal()
	}
	return fmt.Errorf("%w: %d bytes of %d are used, and %d more are to be written", ErrFull, used, l.cfg.MaxBytes, size)
}

// groupBytes is what the frames of items take, without room.
func groupBytes(items []Item) (n int64) {
	for i := range items {
		n += int64(len(items[i].Frame))
	}
	return n
}

// write is one attempt.
func (l *Log) write(items []Item) error {
	if err := l.roll(); err != nil {
		return fmt.Errorf("%w: %w", errNoSegment, err)
	}
	now, size := time.Now(), groupBytes(items)
	room := l.room(size)
	l.reserve(size + room)
	if err := l.put(items, room, now); err != nil {
		// Cut off what may have been written: on a full disk this works when a new file does not.
		if l.release() != nil {
			l.abandon()
		}
		return err
	}
	if err := l.active.Sync(); err != nil {
		l.abandon()
		return err
	}
	entries := int64(0)
	for i := range items {
		entries += int64(items[i].Entries)
	}
	l.mu.Lock()
	l.file.size += size + room
	l.file.add(int64(len(items)), entries, now)
	l.next += uint64(len(items))
	l.mu.Unlock()
	return nil
}

// put writes the frames of items, and room behind them.
func (l *Log) put(items []Item, room int64, now time.Time) error {
	// Only this goroutine changes size and next: it may read them without the lock.
	out := output{file: l.active, off: l.file.size, buf: l.out[:0]}
	for i, it := range items {
		h := header{seq: l.next + uint64(i), at: now.UnixMilli(), entries: uint32(it.Entries)}
		if i == len(items)-1 {
			h.room = uint32(room)
		}
		putHeader(it.Frame, l.file.salt, h)
		out.add(append(it.Frame, make([]byte, h.room)...)) // zeros
	}
	out.flush()
	l.out = out.buf
	return out.err
}

// roll makes sure of a segment to write to.
func (l *Log) roll() error {
	if l.active != nil {
		l.mu.Lock()
		// An empty log gives back its space early.
		full := l.file.size >= l.cfg.SegmentBytes || l.next == l.acked && l.file.size >= l.cfg.SegmentBytes/smallShare
		l.mu.Unlock()
		if !full {
			return nil
		}
		l.seal()
	}
	var salt [4]byte
	rand.Read(salt[:]) // does not fail
	s := &segment{index: l.index, first: l.next, salt: binary.BigEndian.Uint32(salt[:])}
	s.name = segmentName(s.index, s.first, s.salt)
	f, err := l.cfg.Folder.Create(s.name)
	if err != nil {
		return err
	}
	l.index++ // also if it is not used: its name may outlive it
	if err := l.cfg.Folder.Sync(); err != nil {
		return errors.Join(err, f.Close(), l.cfg.Folder.Remove(s.name))
	}
	l.active, l.file, l.reserved = f, s, 0
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.segments); n > 0 && l.segments[n-1].limit == unlimited {
		last := l.segments[n-1] // found by Open
		last.limit, last.exact = s.first, !last.doubtful
	}
	l.segments = append(l.segments, s)
	return nil
}

// seal ends the segment that is written to, if any.
func (l *Log) seal() {
	if l.active == nil {
		return
	}
	_ = l.release()      // or it would take its space until it is delivered
	_ = l.active.Close() // all of it is synced
	l.active = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.sealed, l.file.limit, l.file.exact = true, l.next, true
}

// abandon seals the segment after an error that leaves its end in doubt, and forgets it if it has no record.
func (l *Log) abandon() {
	l.seal() // cuts off what a restart would deliver, and nobody was told is taken
	l.mu.Lock()
	unused := l.file.size == 0
	if unused {
		// Unless the reader, for which it has just ended, was faster.
		l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool { return s == l.file })
	}
	l.mu.Unlock()
	if unused {
		_ = l.cfg.Folder.Remove(l.file.name) // if it stays, the next segment's name supersedes it
	}
}
