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
	positionTemp = "position.tmp"
)

// positionText is the whole of the file.
func positionText(seq uint64) []byte {
	text := fmt.Appendf(nil, "logferry spool position 1 %016x", seq)
	return fmt.Appendf(text, " %08x\n", crc32.Checksum(text, castagnoli))
}

// loadPosition reads what SavePosition wrote. Without it, or with one that is damaged, reading begins with the oldest
// segment there is: what was delivered of that one comes again.
func (l *Log) loadPosition() error {
	if err := l.cfg.Folder.Remove(positionTemp); err != nil {
		return err
	}
	f, err := l.cfg.Folder.Open(positionName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text := make([]byte, len(positionText(0)))
	n, _ := f.ReadAt(text, 0)
	var seq uint64
	_, err = fmt.Sscanf(string(text[:n]), "logferry spool position 1 %x ", &seq)
	if err == nil && bytes.Equal(text[:n], positionText(seq)) {
		l.acked = max(seq, 1)
	}
	return nil
}

// SavePosition makes durable how far the log is delivered, if that has changed. What is delivered and not saved comes
// again after a crash. It belongs to the goroutine that reads.
func (l *Log) SavePosition() error {
	_, acked := l.Ends()
	if acked == l.saved {
		return nil
	}
	d := l.cfg.Folder
	if err := d.Remove(positionTemp); err != nil {
		return err
	}
	f, err := d.Create(positionTemp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(positionText(acked), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.Remove(positionTemp))
	}
	if err := d.Rename(positionTemp, positionName); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	l.saved = acked
	return nil
}
