package sink

import (
	"errors"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// A lane is what must be delivered one after the other: a stream, or several. While a worker has it, what is said of the
// piece that has been begun belongs to the worker, and all else to the deliverer.
type lane struct {
	key     any
	streams []batch.Labels // those of a lane of streams that wait apart from others; nil: it is none
	pieces  []piece        // that have not been begun
	fresh   []piece        // of the window that is being divided
	due     time.Time      // when it may be written again
	parked  bool           // until then
	used    bool           // it is ready, parked, or a worker has it

	// The piece that has been begun, or is to be.
	taken    []piece // that follow, for the worker
	met      []met   // what has been accounted for, to be told to the windows
	at       *window
	b        *batch.Batch // it, or what is left of it
	out      bool         // b keeps no window in memory
	delivery *Delivery    // nil: there is none
	entries  int          // that are not accounted for
	panics   int          // in a row
	wait     time.Duration
	cause    error // of that
	class    batch.Class
	err      error // why the worker did not go on
}

// A met is a number of entries of a window that have met their fate.
type met struct {
	at      *window
	entries int
}

// A piece is some entries of a window, for one Write. It holds a reference to the batch they are in.
type piece struct {
	at    *window
	from  *batch.Batch
	idx   []int32 // nil: all of from, which keeps no window in memory
	bytes int
}

func (p *piece) len() int {
	if p.idx == nil {
		return len(p.from.Entries)
	}
	return len(p.idx)
}

// entry is where its k-th entry is in from.
func (p *piece) entry(k int) int {
	if p.idx == nil {
		return k
	}
	return int(p.idx[k])
}

func (l *lane) add(w *window, i int32, size int) {
	n := len(l.fresh)
	if n == 0 || len(l.fresh[n-1].idx) == pieceEntries || l.fresh[n-1].bytes+size > pieceBytes {
		l.fresh = append(l.fresh, piece{at: w, from: w.stage})
		n++
	}
	p := &l.fresh[n-1]
	p.idx = append(p.idx, i)
	p.bytes += size
}

// begin makes a batch of the next piece.
func (l *lane) begin(s *Spiller) {
	p := l.taken[0]
	l.taken = slices.Delete(l.taken, 0, 1)
	l.at, l.b, l.out, l.panics = p.at, p.from, p.idx == nil, 0
	if !l.out {
		l.b = batch.New(&s.pool, batch.Labels{})
		l.b.Merge(p.from, p.idx)
	}
	l.entries = len(l.b.Entries)
	l.delivery = s.retry.Begin(l.b)
}

// account tells the windows what a worker has done for the lane, and takes back what it has not begun.
func (l *lane) account() {
	for _, m := range l.met {
		m.at.left -= m.entries
	}
	l.pieces = append(l.taken, l.pieces...)
	l.met, l.taken = nil, nil
}

// over ends the piece that has been begun.
func (l *lane) over() {
	l.b.Settle(nil)
	l.b, l.delivery, l.cause = nil, nil, nil
}

// drop gives back all that a lane has, which no worker has.
func (l *lane) drop() {
	if l.b != nil {
		l.over()
	}
	for _, p := range l.pieces {
		p.from.Settle(nil)
	}
	l.pieces = nil
}

// moveOut copies what the lane has, so that no window is kept in memory for it.
func (l *lane) moveOut(q *deliverer) {
	if d := l.delivery; d != nil && !(l.out && d.left()+len(d.failed) == len(l.b.Entries)) {
		idx := d.kept()
		b := q.copyOf(l.b, idx)
		d.move(b, idx)
		l.b.Settle(nil)
		q.spill.counts.delivered.Add(int64(l.entries - len(idx)))
		l.at.left -= l.entries - len(idx)
		l.b, l.out, l.entries = b, true, len(idx)
	}
	for i := range l.pieces {
		if p := &l.pieces[i]; p.idx != nil {
			b := q.copyOf(p.from, p.idx)
			p.from.Settle(nil)
			p.from, p.idx = b, nil
		}
	}
}

// copyOf returns a batch of copies of the entries idx of b.
func (q *deliverer) copyOf(b *batch.Batch, idx []int32) *batch.Batch {
	size := 0
	for _, i := range idx {
		size += len(b.Entries[i].Line)
	}
	c := batch.New(&q.spill.pool, batch.Labels{})
	c.Grow(len(idx))
	memory := c.Buffer(size)
	for k, i := range idx {
		e := &b.Entries[i]
		n := copy(memory, e.Line)
		c.AppendShared(e.Time, memory[:n], e.Attrs...)
		c.Entries[k].Labels = b.LabelsOf(int(i))
		memory = memory[n:]
	}
	q.hold(c, c.Size(), true)
	return c
}

// setApart returns the lane that must wait, after a Write that failed for entries of its own: l, or one that has what
// l has of their streams, in which case l has the others and goes on.
func (q *deliverer) setApart(l *lane) *lane {
	_, some := errors.AsType[*PartialError](l.cause)
	if !some || q.spill.perStream || l.class == batch.Failed || l.class == batch.Throttled {
		return l
	}
	x := &lane{used: true, at: l.at, b: l.b, out: l.out, delivery: l.delivery, entries: l.entries, panics: l.panics, wait: l.wait}
	stuck := map[batch.Labels]bool{}
	for _, f := range l.delivery.Held() {
		if stream := q.spill.streamOf(l.b.LabelsOf(f.Index)); !stuck[stream] {
			stuck[stream] = true
			x.streams = append(x.streams, stream)
			q.apart[stream] = x
		}
	}
	waits := func(b *batch.Batch, i int) bool { return stuck[q.spill.streamOf(b.LabelsOf(i))] }
	l.streams = slices.DeleteFunc(l.streams, func(stream batch.Labels) bool { return stuck[stream] })
	l.delivery = l.delivery.Split(func(i int) bool { return !waits(l.b, i) })
	if l.delivery == nil {
		l.b, l.entries = nil, 0
	} else {
		l.b.Retain(1)
		l.entries = len(l.delivery.Pending())
		x.entries -= l.entries
	}
	l.pieces, x.pieces = divided(l.pieces, waits)
	return x
}

// divided divides pieces into those of entries that wait, and those of the others.
func divided(pieces []piece, waits func(*batch.Batch, int) bool) (others, waiting []piece) {
	for _, p := range pieces {
		var a, b []int32
		for k := range p.len() {
			i := p.entry(k)
			if waits(p.from, i) {
				b = append(b, int32(i))
			} else {
				a = append(a, int32(i))
			}
		}
		switch {
		case len(a) == 0:
			waiting = append(waiting, p)
		case len(b) == 0:
			others = append(others, p)
		default:
			p.from.Retain(1)
			others = append(others, piece{at: p.at, from: p.from, idx: a})
			waiting = append(waiting, piece{at: p.at, from: p.from, idx: b})
		}
	}
	return others, waiting
}
