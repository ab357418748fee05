package spool

import (
	"errors"
	"sync"
	"time"
)

// ErrFull is in the chain of what Append returns when there is no room for the items until something is delivered or
// dropped.
var ErrFull = errors.New("spool: full")

// ErrTooLarge is in the chain of what Append returns for what no log of this size can ever take together.
var ErrTooLarge = errors.New("spool: larger than the spool may be")

// A Config says where a log lies and how large it may be. All fields but Damaged are required.
type Config struct {
	Folder       Folder
	MaxBytes     int64 // of all segments
	SegmentBytes int64 // a segment that has reached this is followed by another

	// Damaged is told of what was found damaged, from Next; nil: nobody is.
	Damaged func(Damage)
}

// A Log is made by [Open].
type Log struct {
	cfg Config

	// Of the goroutine that appends.
	active   File     // the last segment's; nil: the next Append opens one
	out      []byte   // for its memory
	file     *segment // active's
	reserved int64    // up to where it has space

	// Of the goroutine that reads.
	stale    []string // of segments that could not be removed yet
	position position
	kept     int64 // bytes in .damaged files

	mu       sync.Mutex // guards what follows; never held during file operations
	segments []*segment // oldest first
	index    uint32     // of the next segment
	next     uint64     // sequence of the next record
	acked    uint64     // of the first that is not delivered
	reading  *segment   // where the reader is
	passed   uint32     // segments up to this index are behind it
	taken    []taken    // read and not yet delivered, in order
	found    Found
}

// taken is a record that the reader has handed out.
type taken struct {
	seq     uint64
	entries int64
	from    *segment
	made    time.Time
}

// Found is what was wrong with files, since Open.
type Found struct {
	Regions int64 // runs of damaged bytes, or missing records
	Records int64 // that are lost by it
	Bytes   int64 // damaged
	Torn    int64 // bytes that are no record and in nobody's place: what a crash or a full disk left half written
}

// Stats is a snapshot of a log.
type Stats struct {
	Bytes            int64 // of all segments
	Records, Entries int64 // not delivered
	Oldest           time.Duration
	Found            Found
}

// Stats may be called at any time.
func (l *Log) Stats() Stats {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	st := Stats{Found: l.found}
	for _, s := range l.segments {
		st.Bytes += s.size
		st.Records += s.records
		st.Entries += s.entries
		if st.Oldest == 0 && s.records > 0 {
			st.Oldest = now.Sub(s.oldest)
		}
	}
	if len(l.taken) > 0 {
		st.Oldest = now.Sub(l.taken[0].made)
	}
	return st
}

// Ends returns the sequence that the next record will get, and that of the first which is not delivered: if they are
// equal, the log is empty.
func (l *Log) Ends() (next, acked uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, l.acked
}

// used returns the bytes of all segments. The caller has the lock.
func (l *Log) used() (n int64) {
	for _, s := range l.segments {
		n += s.size
	}
	return n
}

// Close closes the files and saves the position. The goroutines that append and read have ended. What is not delivered
// is there for the next Open.
func (l *Log) Close() error {
	err := l.SavePosition()
	if l.active != nil {
		_ = l.release()
		err = errors.Join(err, l.active.Close())
		l.active = nil
	}
	if l.position.file != nil {
		err = errors.Join(err, l.position.file.Close())
		l.position.file = nil
	}
	return err
}
