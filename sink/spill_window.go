package sink

import (
	"hash/maphash"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
)

const (
	windowBytes   = 4 << 20 // of records that are delivered together, beside the first
	pieceBytes    = 1 << 20 // of entries in one Write, as by batch.Fixed
	pieceEntries  = 10_000
	windowEntries = 8 * pieceEntries
)

// A window is the records that are read, delivered and Done together. It is all that the queue holds in memory.
type window struct {
	stage *batch.Batch // all their entries
	bytes int
	last  uint64 // sequence of the last one
	some  bool   // there is one, though perhaps no entry
}

// read fills a window. The error is what ended it: io.EOF, or one after which reading may be tried again.
func (s *Spiller) read(r *spool.Reader) (*window, error) {
	w := &window{stage: batch.New(&s.pool, batch.Labels{})}
	// A small queue is not read whole: what is read cannot be dropped to make room.
	most := min(windowBytes, int(s.cfg.segmentBytes()))
	for w.bytes < most && len(w.stage.Entries) < windowEntries {
		rec, err := r.Next()
		if err != nil {
			return w, err
		}
		w.last, w.some = rec.Seq, true
		w.bytes += len(rec.Payload)
		if s.cfg.MaxAge > 0 && rec.Age > s.cfg.MaxAge {
			s.dropped(SpillExpired, int64(rec.Entries))
			continue
		}
		if err := decodeRecord(w.stage, rec.Payload); err != nil {
			r.Reject(rec, err)
		}
	}
	return w, nil
}

// A lane is what must be delivered one after the other: the pieces of a stream, or of several. Each piece is some
// entries of a window, by index.
type lane struct {
	pieces [][]int32
	bytes  int           // of the last piece
	before *lane         // the same lane of the window before; nil: there is none
	done   chan struct{} // closed when it is delivered
}

func (l *lane) add(i int32, size int) {
	n := len(l.pieces)
	if n == 0 || len(l.pieces[n-1]) == pieceEntries || l.bytes+size > pieceBytes {
		l.pieces = append(l.pieces, nil)
		l.bytes = 0
		n++
	}
	l.pieces[n-1] = append(l.pieces[n-1], i)
	l.bytes += size
}

// lanes divides a window: into streams, if the destination wants one to a batch, else into as many lanes as may be under
// way, with a stream in the same one always. It returns them by what they are for, and in the order of their first
// entries.
func (s *Spiller) lanes(stage *batch.Batch) (by map[any]*lane, order []*lane) {
	by = map[any]*lane{}
	var last batch.Labels
	var l *lane
	for i := range stage.Entries {
		e := &stage.Entries[i]
		if l == nil || e.Labels != last {
			last = e.Labels
			key := s.laneOf(last)
			if l = by[key]; l == nil {
				l = &lane{done: make(chan struct{})}
				by[key] = l
				order = append(order, l)
			}
		}
		l.add(int32(i), e.Size())
	}
	return by, order
}

// laneOf returns what the lane of an entry with the labels l is for: its stream, or a number.
func (s *Spiller) laneOf(l batch.Labels) any {
	stream := s.StreamOf(l)
	if s.perStream {
		return stream
	}
	return maphash.Comparable(s.seed, stream) % uint64(s.cfg.MaxInFlight)
}
