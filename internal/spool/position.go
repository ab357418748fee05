package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
)

const (
	positionName = "position"
	slotBytes    = 4 << 10 // of the file, each with a position of its own
	slots        = 2
)

// A position is the file that says how far the log is delivered. Its slots are written in turn, so that one is whole
// whenever the other is not; and in place, so that a full disk, which is when it matters, has room for it.
type position struct {
	file  File // nil: not open yet
	saved uint64
	slot  int // to be written next
}

// positionText is what a slot begins with.
func positionText(seq uint64) []byte {
	text := fmt.Appendf(nil, "logferry spool position 1 %016x", seq)
	return fmt.Appendf(text, " %08x\n", crc32.Checksum(text, castagnoli))
}

// loadPosition reads what SavePosition wrote, and makes the file if there is none. Without it, or with one that is
// damaged, reading begins with the oldest segment there is: what was delivered of that one comes again.
func (l *Log) loadPosition() error {
	f, err := l.cfg.Folder.Edit(positionName)
	if errors.Is(err, fs.ErrNotExist) {
		_ = l.makePosition() // a full disk is no reason not to deliver: SavePosition tries again
		return nil
	}
	if err != nil {
		return err
	}
	l.position.file = f
	for i := range slots {
		text := make([]byte, len(positionText(0)))
		n, _ := f.ReadAt(text, int64(i)*slotBytes)
		var seq uint64
		_, err := fmt.Sscanf(string(text[:n]), "logferry spool position 1 %x ", &seq)
		if err == nil && bytes.Equal(text[:n], positionText(seq)) && seq > l.acked {
			l.acked = seq
			l.position.slot = (i + 1) % slots
		}
	}
	return nil
}

// makePosition makes the file with all the space it needs.
func (l *Log) makePosition() error {
	d := l.cfg.Folder
	f, err := d.Create(positionName)
	if err != nil {
		return err
	}
	whole := make([]byte, slots*slotBytes)
	copy(whole, positionText(1))
	_, err = f.WriteAt(whole, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = d.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close(), d.Remove(positionName))
	}
	l.position = position{file: f, saved: 1, slot: 1}
	return nil
}

// SavePosition makes durable how far the log is delivered, if that has changed. What is delivered and not saved comes
// again after a crash. It belongs to the goroutine that reads.
func (l *Log) SavePosition() error {
	_, acked := l.Ends()
	if acked == l.position.saved {
		return nil
	}
	if l.position.file == nil {
		if err := l.makePosition(); err != nil {
			return err
		}
	}
	p := &l.position
	if _, err := p.file.WriteAt(positionText(acked), int64(p.slot)*slotBytes); err != nil {
		return err
	}
	// After a failure the same slot is written again: the other one is good.
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.saved, p.slot = acked, (p.slot+1)%slots
	return nil
}
