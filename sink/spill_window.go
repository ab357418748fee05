package sink

import (
	"hash/maphash"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
)

const (
	windowBytes   = 4 << 20 // of records that are read together, beside the first
	pieceBytes    = 1 << 20 // of entries in one Write, as by batch.Fixed
	pieceEntries  = 10_000
	windowEntries = 8 * pieceEntries
)

// A window is the records that are read and Done together.
type window struct {
	stage   *batch.Batch // all their entries
	bytes   int
	records int    // perhaps without an entry
	last    uint64 // sequence of the last one
	left    int    // entries that have not met their fate
}

// read fills a window. The error is what ended it: io.EOF, or one after which reading may be tried again.
func (s *Spiller) read(r *spool.Reader) (*window, error) {
	w := &window{stage: batch.New(&s.pool, batch.Labels{})}
	defer func() { w.left = len(w.stage.Entries) }()
	for w.bytes < s.windowSize() && len(w.stage.Entries) < windowEntries {
		rec, err := r.Next()
		if err != nil {
			return w, err
		}
		w.last = rec.Seq
		w.records++
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

// windowSize is windowBytes, or less for a small queue.
func (s *Spiller) windowSize() int { return min(windowBytes, int(s.cfg.segmentBytes())) }

// divide divides a window into pieces of lanes: of streams, if the destination wants one to a batch, else of as many
// lanes as may be under way, with a stream in the same one always, unless it waits apart.
func (q *deliverer) divide(w *window) {
	var last batch.Labels
	var l *lane
	var touched []*lane
	for i := range w.stage.Entries {
		e := &w.stage.Entries[i]
		if l == nil || e.Labels != last {
			last = e.Labels
			l = q.laneOf(last)
		}
		if len(l.fresh) == 0 {
			touched = append(touched, l)
		}
		l.add(w, int32(i), e.Size())
	}
	for _, l := range touched {
		w.stage.Retain(len(l.fresh))
		before := len(l.pieces)
		l.pieces = append(l.pieces, l.fresh...)
		l.fresh = nil
		switch {
		case !l.used:
			l.used = true
			q.goOn(l)
		case l.parked:
			q.moveOut(l.pieces[before:])
		}
	}
}

// laneOf returns the lane of entries with the labels l.
func (q *deliverer) laneOf(l batch.Labels) *lane {
	s := q.spill
	stream := s.streamOf(l)
	if apart := q.apart[stream]; apart != nil {
		return apart
	}
	key := any(stream)
	if !s.perStream {
		key = maphash.Comparable(s.seed, stream) % uint64(s.cfg.MaxInFlight)
	}
	at := q.lanes[key]
	if at == nil {
		at = &lane{key: key}
		q.lanes[key] = at
	}
	return at
}
