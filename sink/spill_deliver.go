package sink

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
	"github.com/logferry/logferry/lifecycle"
)

const (
	// saveEvery is how often the position is saved at most: what is delivered beyond it comes again after a crash.
	saveEvery = 250 * time.Millisecond
	// readAgain is the wait after a read that failed.
	readAgain = 500 * time.Millisecond
	// mostRecords is how many records may be read beyond the first that is not delivered: the log remembers each.
	mostRecords = 100_000
)

// A deliverer delivers the queue: it reads windows, divides them into lanes, and hands some pieces of a lane at a time to
// its workers. A lane that is told to wait is parked and occupies no worker, and what is left of it is copied, so
// that it does not keep a window in memory: others go on for as long as these copies are few. The queue is counted out
// window by window, in order.
//
// It belongs to one goroutine, the task that delivers.
type deliverer struct {
	spill  *Spiller
	reader *spool.Reader
	// In memory, windows and what was moved out of them. Whoever settles a batch counts it.
	heldBytes, heldEntries atomic.Int64

	sup     *lifecycle.Supervisor // of the workers
	workers []*lifecycle.Handle
	writing int
	work    chan *lane
	results chan *lane

	windows []*window // not Done, in order
	records int       // of these
	lanes   map[any]*lane
	apart   map[batch.Labels]*lane // of streams that are not in the lane they share with others
	ready   []*lane                // a worker may have them
	parked  []*lane                // by when they may be written again

	empty    bool      // there was nothing to read
	readable time.Time // when reading may be tried again
	unsaved  bool      // the position
}

// deliverAll is the task that delivers the queue.
func (s *Spiller) deliverAll(ctx context.Context) error {
	q := &deliverer{
		spill: s, reader: s.log.Reader(), sup: s.sup.ChildContext(ctx, "spill-deliver"),
		work: make(chan *lane), results: make(chan *lane),
		lanes: map[any]*lane{}, apart: map[batch.Labels]*lane{},
	}
	defer q.end(ctx)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		q.unpark(time.Now())
		if err := q.dispatch(ctx); err != nil {
			return err
		}
		if q.hungry() {
			q.read()
			continue
		}
		s.noteStalled(q.stalled())
		timer.Reset(q.sleep())
		select {
		case l := <-q.results:
			q.writing--
			if err := q.took(l); err != nil {
				return err
			}
		case <-s.more:
			q.empty = false
		case <-timer.C:
			q.save()
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// stalled returns up to which sequence all that is not delivered waits, zero if something goes on.
func (q *deliverer) stalled() uint64 {
	switch {
	case q.writing > 0 || len(q.parked) == 0:
		return 0
	case q.full():
		return math.MaxUint64
	}
	return q.windows[len(q.windows)-1].last + 1
}

// hungry reports whether another window is to be read.
func (q *deliverer) hungry() bool {
	return !q.empty && !q.full() && !time.Now().Before(q.readable)
}

// full reports whether no window may be read beside what is held. A small queue is not read whole: what is read cannot be
// dropped to make room.
func (q *deliverer) full() bool {
	return q.heldBytes.Load() >= int64(q.spill.windowSize()*5/4) || q.heldEntries.Load() >= windowEntries*5/4 || q.records >= mostRecords
}

// hold counts b, whose lines are so many bytes, as held in memory until it is settled, and as waiting if it is a copy.
func (q *deliverer) hold(b *batch.Batch, bytes int, isCopy bool) {
	size, entries, waiting := int64(bytes), int64(len(b.Entries)), int64(0)
	if isCopy {
		waiting = entries
	}
	count := func(sign int64) {
		q.heldBytes.Add(sign * size)
		q.heldEntries.Add(sign * entries)
		q.spill.counts.waiting.Add(sign * waiting)
	}
	count(1)
	b.OnSettled(func(error) { count(-1) })
}

// sleep is how long there is nothing to do, if nothing happens.
func (q *deliverer) sleep() time.Duration {
	sleep := time.Hour
	if len(q.parked) > 0 {
		sleep = min(sleep, time.Until(q.parked[0].due))
	}
	if !q.empty && time.Now().Before(q.readable) {
		sleep = min(sleep, time.Until(q.readable))
	}
	if q.unsaved {
		sleep = min(sleep, time.Until(q.spill.lastSave.Add(saveEvery)))
	}
	return max(0, sleep)
}

// read reads a window, and divides it.
func (q *deliverer) read() {
	s := q.spill
	w, err := s.read(q.reader)
	q.hold(w.stage, w.bytes, false)
	if w.records > 0 {
		q.windows = append(q.windows, w)
		q.records += w.records
		q.divide(w)
	}
	w.stage.Settle(nil) // the pieces have theirs
	w.stage = nil
	q.count()
	if errors.Is(err, io.EOF) {
		s.noteDisk(diskRead, nil)
		if q.empty = w.records == 0; q.empty {
			s.stir() // what was dropped or damaged is passed
		}
		return
	}
	s.noteDisk(diskRead, err)
	if err != nil {
		q.readable = time.Now().Add(readAgain)
	}
}

// dispatch hands lanes to workers, as many as there may be. If the supervisor has no room for one, it does their work.
func (q *deliverer) dispatch(ctx context.Context) error {
	for len(q.ready) > 0 && q.writing < q.spill.cfg.MaxInFlight {
		if q.writing == len(q.workers) && !q.hire() {
			if q.writing > 0 {
				return nil
			}
			l := q.next()
			l.err = q.spill.deliverPieces(ctx, l)
			return q.took(l)
		}
		l := q.next()
		q.writing++
		q.work <- l
	}
	return nil
}

// next takes the first lane that is ready, and of its pieces what makes up a window at most: its worker need not wait while
// another is read. One that has begun something gets no more until that is over.
func (q *deliverer) next() *lane {
	l := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	if l.delivery == nil {
		n, _ := fitting(l.pieces, windowBytes, windowEntries)
		l.taken = slices.Clone(l.pieces[:n])
		clear(l.pieces[:n])
		l.pieces = l.pieces[n:]
	}
	return l
}

// hire starts a worker.
func (q *deliverer) hire() bool {
	w := q.sup.Go("write", q.deliverLanes)
	if w.Err() != nil {
		return false
	}
	q.workers = append(q.workers, w)
	return true
}

// deliverLanes is a worker. Should the Sink end its goroutine, the lane says so.
func (q *deliverer) deliverLanes(ctx context.Context) error {
	for l := range q.work {
		q.deliverLane(ctx, l)
	}
	return nil
}

func (q *deliverer) deliverLane(ctx context.Context, l *lane) {
	defer func() { q.results <- l }()
	l.err = errUnreturned
	l.err = q.spill.deliverPieces(ctx, l)
}

// took takes a lane back from a worker.
func (q *deliverer) took(l *lane) error {
	l.account()
	switch {
	case l.err != nil:
		return l.err
	case l.delivery == nil:
		q.goOn(l)
		q.count()
	default:
		q.park(l)
	}
	return nil
}

// goOn has the next piece of a lane delivered, if there is one.
func (q *deliverer) goOn(l *lane) {
	if l.delivery != nil || len(l.pieces) > 0 {
		q.ready = append(q.ready, l)
		return
	}
	for _, stream := range l.streams {
		delete(q.apart, stream)
	}
	if q.lanes[l.key] == l {
		delete(q.lanes, l.key)
	}
}

// park keeps a lane until it may be written again.
func (q *deliverer) park(l *lane) {
	if waiting := q.setApart(l); waiting != l {
		q.goOn(l)
		l = waiting
	}
	l.due, l.parked = time.Now().Add(l.wait), true
	l.moveOut(q)
	i, _ := slices.BinarySearchFunc(q.parked, l.due, func(o *lane, due time.Time) int {
		if o.due.After(due) {
			return 1
		}
		return -1
	})
	q.parked = slices.Insert(q.parked, i, l)
}

// unpark has what has waited long enough written again.
func (q *deliverer) unpark(now time.Time) {
	n := 0
	for n < len(q.parked) && !q.parked[n].due.After(now) {
		q.parked[n].parked = false
		n++
	}
	q.ready = append(q.ready, q.parked[:n]...)
	q.parked = slices.Delete(q.parked, 0, n)
}

// count counts out the windows that are delivered and behind no other.
func (q *deliverer) count() {
	n := 0
	for n < len(q.windows) && q.windows[n].left == 0 {
		q.records -= q.windows[n].records
		n++
	}
	if n == 0 {
		return
	}
	q.spill.log.Done(q.windows[n-1].last + 1)
	q.windows = slices.Delete(q.windows, 0, n)
	if len(q.windows) == 0 {
		q.empty = false // the log wants to be asked once more, to pass what was dropped or damaged
	}
	q.unsaved = true
	q.save()
	q.spill.stir()
}

// save saves the position if it is time.
func (q *deliverer) save() {
	s := q.spill
	if !q.unsaved || time.Since(s.lastSave) < saveEvery {
		return
	}
	s.lastSave = time.Now()
	q.unsaved = false
	s.noteDisk(diskPosition, s.log.SavePosition())
}

// end stops the workers, and gives all memory back. What they have delivered counts although ctx has ended meanwhile: the
// next process would deliver it again.
func (q *deliverer) end(ctx context.Context) {
	close(q.work)
	for _, w := range q.workers {
		w.Stop()
	}
	for q.writing > 0 {
		l := <-q.results
		q.writing--
		l.account()
		l.drop()
	}
	_ = q.sup.Close(context.WithoutCancel(ctx)) // the failures of a worker are those of its lane
	q.count()
	for _, l := range q.lanes {
		l.drop()
	}
	for _, l := range q.apart {
		l.drop()
	}
	q.reader.Close()
}
