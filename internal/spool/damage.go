package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Damage is a part of a segment that could not be read as records.
type Damage struct {
	Segment       string // file name
	Offset, Bytes int64  // in it; no Bytes: records are missing without a trace
	Records       int64  // that are lost, as far as their sequence tells
	Kept          string // the file with a copy of the bytes; empty: none
	Err           error  // what is wrong with a record that is whole, or why there is no copy
}

// quarantineBytes bounds the copies: a medium that goes bad must not fill the folder with them.
const quarantineBytes = 64 << 20

// damaged takes in what is no frame. How many records it was shows at the next one.
func (r *Reader) damaged(f find) {
	r.missing(r.expect)
	r.wound = &Damage{Segment: r.seg.name, Offset: r.off, Bytes: f.end - r.off}
	r.off = f.end
	if f.known {
		r.log.forget(r.seg, f, r.expect)
		r.missing(f.seq + 1)
	}
}

// forget counts a record out that is known to be lost.
func (l *Log) forget(s *segment, f find, expect uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.seq >= expect && s.records > 0 {
		s.records--
		s.entries -= int64(f.entries)
	}
}

// missing tells of the records from the expected one up to seq, which are not there, and of the damage that was found
// in their place. Damage that was nobody's place is the rest of a write that was never acknowledged.
func (r *Reader) missing(seq uint64) {
	d := Damage{Segment: r.seg.name, Offset: r.off}
	if r.wound != nil {
		d = *r.wound
		r.wound = nil
	}
	if seq <= r.expect {
		r.log.count(Found{Torn: d.Bytes})
		return
	}
	d.Records = int64(seq - r.expect)
	r.expect = seq
	if d.Bytes > 0 {
		d.Kept, d.Err = r.log.quarantine(&r.scan, d)
	}
	r.log.tell(d)
}

// Reject tells that a record which Next returned is damage to its caller, because of err.
func (r *Reader) Reject(rec Record, err error) {
	d := Damage{Segment: rec.segment, Offset: rec.off, Bytes: rec.end - rec.off, Records: 1}
	var kept error
	d.Kept, kept = r.log.quarantine(&r.scan, d)
	d.Err = errors.Join(err, kept)
	r.log.tell(d)
}

func (l *Log) tell(d Damage) {
	l.count(Found{Regions: 1, Records: d.Records, Bytes: d.Bytes})
	if l.cfg.Damaged != nil {
		l.cfg.Damaged(d)
	}
}

func (l *Log) count(f Found) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found.Regions += f.Regions
	l.found.Records += f.Records
	l.found.Bytes += f.Bytes
	l.found.Torn += f.Torn
}

// quarantine copies damaged bytes to a file of their own.
func (l *Log) quarantine(s *scanner, d Damage) (kept string, err error) {
	if l.kept+d.Bytes > quarantineBytes {
		return "", fmt.Errorf("spool: not kept: there are %d damaged bytes already", l.kept)
	}
	name := fmt.Sprintf("%s-%x%s", d.Segment[:len(d.Segment)-len(segmentSuffix)], d.Offset, damagedSuffix)
	f, err := l.cfg.Folder.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return name, nil // it was found before a restart
	}
	if err != nil {
		return "", err
	}
	err = copyTo(f, s, d)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = l.cfg.Folder.Sync()
	}
	if err != nil {
		return "", errors.Join(err, l.cfg.Folder.Remove(name))
	}
	l.kept += d.Bytes
	return name, nil
}

// copyTo reads past the scanner's buffer: what is there may still be wanted.
func copyTo(to File, s *scanner, d Damage) error {
	block := make([]byte, readBytes)
	for n := int64(0); n < d.Bytes; {
		b := block[:min(readBytes, d.Bytes-n)]
		got, err := s.file.ReadAt(b, d.Offset+n)
		if got < len(b) && err != nil && !errors.Is(err, io.EOF) && !s.salvage {
			return err
		}
		clear(b[got:])
		if _, err := to.WriteAt(b, n); err != nil {
			return err
		}
		n += int64(len(b))
	}
	return nil
}
