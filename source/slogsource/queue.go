package slogsource

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrFull is what Handle returns for a record that was dropped because the
// buffer had no room, nor got any within [Config].MaxWait.
var ErrFull = errors.New("slogsource: the record was dropped: the buffer is full")

// ErrStopped is what Handle returns for a record that was dropped because the
// pipeline has stopped the source, or is doing so.
var ErrStopped = errors.New("slogsource: the record was dropped: the source was stopped")

// maxChunk is how much a chunk holds at most, unless it is for one record that
// is larger.
const maxChunk = 64 << 10

// A chunk holds packed records, see draft. They hold no pointers: what waits is
// nothing for the garbage collector to look through.
type chunk struct {
	data    []byte
	entries int
	before  omission // of records between those of the chunk before and these
}

// An omission is that records were dropped for want of room.
type omission struct {
	records int64
	last    time.Time // when the last one was
}

// A queue is what was logged and has not been handed over. Its lock is never held
// for longer than a record takes to copy.
type queue struct {
	limit, size int           // bytes in all, and of an ordinary chunk
	wake        chan struct{} // for who takes: there is something

	mu      sync.Mutex
	chunks  []*chunk // the oldest first; the last is being filled
	spare   *chunk
	used    int // bytes of all chunks but the spare, and with the one in hand
	awake   bool
	running bool          // somebody takes
	stopped bool          // nothing more is put
	changed chan struct{} // closed when something was released; nil: nobody waits

	// How many records: put, released, handed over, and a pipeline's own.
	taken, released, handed, own int64

	dropped  map[string]int64 // by reason
	omission omission         // since the last chunk was begun
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, size: min(maxChunk, limit/8), wake: make(chan struct{}, 1), dropped: map[string]int64{}}
}

// push puts rec, of which it keeps a copy, and waits for room if there is none
// and somebody who makes some.
func (q *queue) push(rec []byte, wait time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.put(rec)
	if err == ErrFull && wait > 0 && q.running {
		err = q.await(rec, wait)
	}
	if err != nil {
		q.drop(err)
	}
	return err
}

// await puts rec after a release that makes room for it, or finds that none has by
// the end of the wait. The caller holds the lock, but while this waits.
func (q *queue) await(rec []byte, wait time.Duration) error {
	t := time.NewTimer(wait)
	defer t.Stop()
	err := ErrFull
	for late := false; err == ErrFull && !late && q.running; err = q.put(rec) {
		changed := q.change()
		q.mu.Unlock()
		select {
		case <-changed:
		case <-t.C:
			late = true
		}
		q.mu.Lock()
	}
	return err
}

// put copies rec if there is room. The caller holds the lock.
func (q *queue) put(rec []byte) error {
	if q.stopped {
		return ErrStopped
	}
	c := q.room(len(rec))
	if c == nil {
		return ErrFull
	}
	c.data = append(c.data, rec...)
	c.entries++
	q.taken++
	q.call()
	return nil
}

// room returns a chunk with room for n bytes, nil if there is none.
func (q *queue) room(n int) *chunk {
	if k := len(q.chunks); k > 0 && cap(q.chunks[k-1].data)-len(q.chunks[k-1].data) >= n {
		return q.chunks[k-1]
	}
	size := max(q.size, n)
	if q.used+size > q.limit {
		return nil
	}
	c := q.spare
	if c != nil && cap(c.data) >= n {
		q.spare = nil
	} else {
		c = &chunk{data: make([]byte, 0, size)}
	}
	c.before, q.omission = q.omission, omission{}
	q.used += cap(c.data)
	q.chunks = append(q.chunks, c)
	return c
}

// call wakes who takes, unless that was done since it last found nothing.
func (q *queue) call() {
	if q.awake {
		return
	}
	q.awake = true
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// change returns what is closed at the next release. The caller holds the lock.
func (q *queue) change() <-chan struct{} {
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

// announce wakes all who wait for a change. The caller holds the lock.
func (q *queue) announce() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// Reasons in Stats.Dropped, the former in the pipeline's Stats as well.
const (
	DroppedFull    = "buffer_full" // the buffer had no room
	DroppedStopped = "stopped"     // logged after the source was stopped, or not handed over by then
)

// drop counts one record that was not put. The caller holds the lock.
func (q *queue) drop(err error) {
	if err == ErrFull {
		q.dropped[DroppedFull]++
		q.omission.records++
		q.omission.last = time.Now()
		q.call()
		return
	}
	q.dropped[DroppedStopped]++
}

// skip counts a record of a pipeline's own.
func (q *queue) skip() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.own++
}

// begin lets one take, until end is called. It reports whether nobody did before.
func (q *queue) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running {
		return false
	}
	q.running, q.stopped, q.awake = true, false, false
	q.call()
	return true
}

// end is for who has taken.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = false
	q.announce() // nobody makes room now
}

// stop has nothing more put. What is there stays.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
}

// take returns the oldest chunk, nil if there is none. It counts as used until
// it is released. If records were dropped behind all there was, an empty one that
// says so is the last.
func (q *queue) take() *chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) > 0 {
		c := q.chunks[0]
		q.chunks = slices.Delete(q.chunks, 0, 1) // there are few
		return c
	}
	if q.omission.records > 0 {
		c := &chunk{before: q.omission}
		q.omission = omission{}
		return c
	}
	q.awake = false
	return nil
}

// release ends what take began: c was handed over, or is given up.
func (q *queue) release(c *chunk, handed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := int64(c.entries)
	q.released += n
	if handed {
		q.handed += n
	} else {
		q.dropped[DroppedStopped] += n
	}
	q.used -= cap(c.data)
	if cap(c.data) == q.size {
		c.data, c.entries = c.data[:0], 0
		q.spare = c
	}
	q.announce()
}

// busy reports whether more waits than one chunk, or somebody for room.
func (q *queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.chunks) > 1 || q.changed != nil
}

// mark counts what has been put so far.
func (q *queue) mark() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// since reports whether what had been put when the count of them was n has been
// released, and what to wait for if not.
func (q *queue) since(n int64) (done bool, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.released >= n {
		return true, nil
	}
	return false, q.change()
}

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Handed: q.handed, Dropped: maps.Clone(q.dropped), Own: q.own,
		Waiting: q.taken - q.released, WaitingBytes: q.used}
}
