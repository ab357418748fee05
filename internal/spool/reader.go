package spool

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"
)

// A Record is one that was appended.
type Record struct {
	Seq     uint64
	Age     time.Duration
	Entries int
	Payload []byte // valid until the next call of Next

	segment  string
	off, end int64
}

// A Reader reads a log from where it is delivered to. There is one at a time; all of its methods and those of the Log
// that say so belong to one goroutine.
type Reader struct {
	log    *Log
	seg    *segment // nil: the next one there is
	file   File
	scan   scanner
	off    int64
	expect uint64 // the sequence that comes next
	tries  int    // failed in a row
	wound  *Damage
}

// triesBeforeSalvage is how often a read may fail before what cannot be read is taken for damage. Its caller waits half
// a second in between, so these are five minutes: a disk that comes back, like one behind a network, shall cost nothing,
// and a bad spot of one holds up deliveries, but no appends.
const triesBeforeSalvage = 600

// Reader returns a reader at the first record that is not delivered. What an earlier one has taken and was not Done
// comes again.
func (l *Log) Reader() *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading, l.passed, l.taken = nil, 0, nil
	return &Reader{log: l, expect: l.acked}
}

// Close closes the file that is open.
func (r *Reader) Close() {
	if r.file != nil {
		_ = r.file.Close() // it was only read
		r.file = nil
	}
}

// Next returns the next record, io.EOF if there is none for now. After another error it may be called again: the same
// record is tried. Sooner or later what cannot be read is damage, and passed over.
func (r *Reader) Next() (Record, error) {
	for {
		seg, size, limit, sealed := r.log.readable(r.seg)
		if seg == nil {
			r.Close()
			return Record{}, r.end()
		}
		if r.seg != seg || r.file == nil {
			if err := r.enter(seg); errors.Is(err, fs.ErrNotExist) {
				r.lost(seg)
				continue
			} else if err != nil {
				return Record{}, err
			}
		}
		r.scan.size = size
		f, err := r.scan.next(r.off, true)
		if err != nil {
			r.tries++
			r.scan.salvage = r.tries >= triesBeforeSalvage
			return Record{}, err
		}
		r.tries = 0
		switch {
		case f.kind == nothing && !sealed:
			r.missing(limit)
			return Record{}, r.end()
		case f.kind == nothing || f.kind == frame && f.seq >= limit:
			r.leave()
		case f.kind == torn:
			r.log.count(Found{Torn: size - r.off})
			r.off = size
		case f.kind == damaged:
			r.damaged(f)
		default:
			if rec, fresh := r.take(f); fresh {
				return rec, nil
			}
		}
	}
}

// readable returns the segment to read, which is seg if it is not nil, and how far.
func (l *Log) readable(seg *segment) (_ *segment, size int64, limit uint64, sealed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seg == nil {
		i := slices.IndexFunc(l.segments, func(s *segment) bool { return s.index > l.passed })
		if i < 0 {
			return nil, 0, 0, false
		}
		seg = l.segments[i]
		l.reading = seg
	}
	limit = l.next // those that are in size, and no more
	if seg.sealed {
		limit = seg.limit
	}
	return seg, seg.size, limit, seg.sealed
}

// end is where there is nothing more for now. What was damaged or dropped on the way here is waited for no longer.
func (r *Reader) end() error {
	l := r.log
	l.mu.Lock()
	if len(l.taken) == 0 {
		l.acked = max(l.acked, r.expect)
		if len(l.segments) == 0 || l.segments[len(l.segments)-1].index <= l.passed {
			l.acked = l.next
		}
	}
	l.mu.Unlock()
	l.tidy()
	return io.EOF
}

func (r *Reader) enter(seg *segment) error {
	f, err := r.log.cfg.Folder.Open(seg.name)
	if err != nil {
		return err
	}
	if r.seg != seg {
		r.seg, r.off = seg, 0
		r.expect = max(r.expect, seg.first)
	}
	r.file = f
	r.scan = scanner{file: f, salt: seg.salt, buf: r.scan.buf[:0]}
	return nil
}

// take hands a frame out, unless it is delivered already.
func (r *Reader) take(f find) (Record, bool) {
	rec := Record{Seq: f.seq, Entries: int(f.entries), Payload: f.payload, segment: r.seg.name, off: r.off, end: f.end}
	r.off = f.end
	r.missing(f.seq)
	if f.seq < r.expect {
		return rec, false
	}
	r.expect = f.seq + 1
	rec.Age = r.log.takes(taken{seq: f.seq, entries: int64(f.entries), from: r.seg}, f.at)
	return rec, true
}

func (l *Log) takes(t taken, at int64) time.Duration {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	age := t.from.age(now, at)
	t.made = now.Add(-age)
	l.taken = append(l.taken, t)
	return age
}

// leave ends the reading of a sealed segment.
func (r *Reader) leave() {
	r.log.mu.Lock()
	limit, exact, next := r.seg.limit, r.seg.exact, r.log.next
	r.log.passed = r.seg.index
	r.log.reading = nil
	r.log.mu.Unlock()
	if !exact && r.wound != nil && r.expect < min(limit, next) {
		r.missing(r.expect + 1) // one at least, as Open took it
	}
	if exact {
		r.missing(limit)
	} else {
		r.missing(r.expect)
	}
	r.Close()
	r.seg = nil
	r.log.tidy()
}

// lost tells of a segment whose file is gone.
func (r *Reader) lost(seg *segment) {
	r.log.mu.Lock()
	records := seg.records
	r.log.passed = seg.index
	r.log.reading = nil
	r.log.mu.Unlock()
	r.seg = nil
	r.expect = max(r.expect, seg.first+uint64(records))
	r.log.tell(Damage{Segment: seg.name, Records: records, Err: fs.ErrNotExist})
}

// Done says that every record that was read before the one with the sequence seq is delivered, or dropped and counted.
// It belongs to the goroutine that reads.
func (l *Log) Done(seq uint64) {
	l.mu.Lock()
	n := 0
	for n < len(l.taken) && l.taken[n].seq < seq {
		l.taken[n].from.records--
		l.taken[n].from.entries -= l.taken[n].entries
		n++
	}
	l.taken = slices.Delete(l.taken, 0, n)
	l.acked = max(l.acked, seq)
	l.mu.Unlock()
	l.tidy()
}

// tidy removes the segments that are read and delivered.
func (l *Log) tidy() {
	l.mu.Lock()
	n := 0
	for n < len(l.segments) && l.delivered(l.segments[n]) {
		l.stale = append(l.stale, l.segments[n].name)
		l.acked = max(l.acked, l.segments[n].end())
		n++
	}
	l.segments = slices.Delete(l.segments, 0, n)
	l.mu.Unlock()
	l.stale = slices.DeleteFunc(l.stale, func(name string) bool { return l.cfg.Folder.Remove(name) == nil })
}

// delivered reports whether s is read and nothing of it, or before it, is under way. The caller has the lock.
func (l *Log) delivered(s *segment) bool {
	return s.index <= l.passed && (len(l.taken) == 0 || s.index < l.taken[0].from.index)
}

// end is the sequence from which on s has no record, as far as it is known.
func (s *segment) end() uint64 {
	if s.exact {
		return s.limit
	}
	return s.first
}
