package containertest

import (
	"slices"
	"time"
)

// A query says what of a log is asked for.
type query struct {
	stdout, stderr bool
	follow         bool
	stamped        bool
	since, until   time.Time
	tail           int // the last so many messages; negative: all
}

// A reading is one request's way through a log. It first reads what was retained
// when the request came, from files that it holds open, and then follows. Like
// the engine it reads ahead of what is sent, and it is this that is overtaken by
// rotations when the client is slow. The engine's lock guards it.
type reading struct {
	log   *logfile
	query query
	ahead int           // how many messages are read ahead
	wake  chan struct{} // told when there is something to send, or no more

	past   [][]*record // what is read before following
	seg    *segment    // what is followed, from its at-th message on
	at     int
	follow bool

	// How an engine before 23.0 follows. Its reader is told of each rotation
	// twice, and trusts both.
	begun bool // the past has been read
	deaf  int  // having missed that rotation while it read the past, it waits for the one after; -1: it has not
	moves int  // how often it went on to a new file
	again bool // it will open the file it has just read once more

	since time.Time // of what is not filtered yet
	queue []*record // read, and not sent yet
	done  bool      // nothing more will be read
}

// read begins a reading.
func (l *logfile) read(q query, ahead int, wake chan struct{}) *reading {
	r := &reading{log: l, query: q, ahead: ahead, wake: wake, since: q.since,
		follow: q.follow && l.open, seg: l.current(), at: len(l.current().records), deaf: -1}
	r.past = r.tail(r.files(), q.tail)
	if r.follow {
		l.readers[r] = struct{}{}
	}
	r.fill()
	return r
}

// end is called when the request has ended.
func (r *reading) end() { delete(r.log.readers, r) }

// files returns what is retained, by file. Compressed files know the time of
// their last message, by which an engine leaves them out. One before 23.0 also
// leaves out the rotated files after the first one it leaves out.
func (r *reading) files() (files [][]*record) {
	old := r.log.driver.gen == Gen20
	for i, s := range r.log.segments {
		current := i == len(r.log.segments)-1
		if n := len(s.records); r.log.packed && !current && n > 0 && s.records[n-1].at.Before(r.since) {
			if !old {
				continue
			}
			files = append(files, r.log.current().records)
			return files
		}
		files = append(files, s.records)
	}
	return files
}

// tail returns the last n messages of files.
func (r *reading) tail(files [][]*record, n int) [][]*record {
	if n < 0 {
		return files
	}
	var kept [][]*record
	for _, records := range slices.Backward(files) {
		records = records[max(0, len(records)-n):]
		n -= len(records)
		kept = append(kept, records)
	}
	slices.Reverse(kept)
	return kept
}

// fill reads ahead as far as it may.
func (r *reading) fill() {
	for !r.done && len(r.queue) < r.ahead {
		m := r.next()
		if m == nil {
			break
		}
		if !r.query.until.IsZero() && m.at.After(r.query.until) {
			r.stop()
			break
		}
		if r.wanted(m) {
			r.queue = append(r.queue, m)
		}
	}
	if len(r.queue) > 0 || r.done {
		notify(r.wake)
	}
}

// stop is called at a message after the time until which was asked. An engine
// before 23.0 still follows, until the next such message.
func (r *reading) stop() {
	if r.log.driver.gen == Gen20 && r.past != nil && r.follow {
		r.past = nil
		return
	}
	r.done = true
}

// next returns the next message of the log, nil if there is none yet.
func (r *reading) next() *record {
	for len(r.past) > 0 {
		if records := r.past[0]; len(records) > 0 {
			r.past[0] = records[1:]
			return records[0]
		}
		r.past = r.past[1:]
	}
	r.past = nil
	if !r.follow {
		r.done = true
		return nil
	}
	if !r.begun {
		r.begin()
	}
	for r.at == len(r.seg.records) {
		if !r.move() {
			return nil
		}
	}
	m := r.seg.records[r.at]
	r.at++
	return m
}

// begin turns to following. An engine before 23.0 watches the log's path from
// now on, where there may be another file than the one it holds.
func (r *reading) begin() {
	r.begun = true
	if r.log.driver.gen == Gen20 && r.seg != r.log.current() {
		r.deaf = r.log.rotated
	}
}

// move goes on to the newest file once the one it has is read to its end. That
// skips the files between, if there was more than one rotation.
func (r *reading) move() bool {
	switch {
	case r.seg == r.log.current() && r.again && r.at > 0:
		r.again, r.at = false, 0
		return true
	case r.seg == r.log.current() || r.log.rotated == r.deaf:
		return false
	}
	r.seg, r.at, r.deaf = r.log.current(), 0, -1
	r.moves++
	r.again = r.log.driver.gen == Gen20 && r.moves%2 == 0
	return true
}

// wanted reports whether a message is asked for. Engines since 23.0 filter by
// time up to the first message that is, as times do not only rise.
func (r *reading) wanted(m *record) bool {
	if !r.since.IsZero() {
		if m.at.Before(r.since) {
			return false
		}
		if r.log.driver.gen != Gen20 {
			r.since = time.Time{}
		}
	}
	return m.out == Stdout && r.query.stdout || m.out == Stderr && r.query.stderr
}

// seal ends the following of a log that is closed: what has not been read of it
// is all that is left.
func (r *reading) seal() {
	if r.follow {
		r.past = append(r.past, r.seg.records[r.at:])
		if r.seg != r.log.current() && r.log.rotated != r.deaf {
			r.past = append(r.past, r.log.current().records)
		}
		r.follow = false
	}
	r.fill()
}

// pending returns up to n messages to be sent, which stay pending until sent is
// called.
func (r *reading) pending(n int) []*record { return r.queue[:min(n, len(r.queue))] }

// sent tells that the first n pending messages were sent, which makes room to
// read on.
func (r *reading) sent(n int) {
	clear(r.queue[:n])
	r.queue = r.queue[n:]
	r.fill()
}

// finished reports whether all was sent that ever will be.
func (r *reading) finished() bool { return r.done && len(r.queue) == 0 }

// notify leaves a token in a channel that holds one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
