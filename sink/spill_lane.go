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

	// What has been begun, or is to be.
	taken    []piece      // that follow, for the worker
	met      []share      // what has been accounted for, to be told to the windows
	b        *batch.Batch // it, or what is left of it
	shares   []share      // of b
	out      bool         // b keeps no window in memory
	delivery *Delivery    // nil: there is none
	panics   int          // in a row
	wait     time.Duration
	cause    error // of that
	class    batch.Class
	err      error // why the worker did not go on
}

// A piece is some entries of a window, for one Write or a part of it. It holds a reference to the batch they are in.
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

// begin makes a batch of the next pieces, as many as one Write is for: where little comes at a time, each is of a few
// entries, and a lane that had to wait has many of them.
func (l *lane) begin(s *Spiller) {
	n, entries := fitting(l.taken, pieceBytes, pieceEntries)
	l.panics, l.out, l.shares = 0, true, make([]share, 0, n)
	l.b = l.taken[0].from
	if n > 1 || l.taken[0].idx != nil {
		l.b = batch.New(&s.pool, batch.Labels{})
		l.b.Grow(entries)
	}
	end := 0
	for i := range n {
		p := &l.taken[i]
		if p.from != l.b {
			l.b.Merge(p.from, p.idx)
		}
		l.out = l.out && p.idx == nil
		end += p.len()
		l.shares = append(l.shares, share{p.at, end, p.len()})
	}
	clear(l.taken[:n])
	l.taken = l.taken[n:]
	l.delivery = s.retry.Begin(l.b)
}

// fitting returns how many of the first pieces make up so many bytes and entries at most, or one, and how many entries
// they have.
func fitting(pieces []piece, bytes, most int) (n, entries int) {
	for n < len(pieces) {
		p := &pieces[n]
		bytes -= p.bytes
		if n > 0 && (bytes < 0 || entries+p.len() > most) {
			break
		}
		entries += p.len()
		n++
	}
	return n, entries
}

// account tells the windows what a worker has done for the lane, and takes back what it has not begun.
func (l *lane) account() {
	for i := range l.met {
		l.met[i].at.left -= l.met[i].open
	}
	if len(l.taken) > 0 {
		l.pieces = append(l.taken, l.pieces...)
	}
	l.met, l.taken = nil, nil
}

// over ends what has been begun.
func (l *lane) over() {
	l.b.Settle(nil)
	l.b, l.shares, l.delivery, l.cause = nil, nil, nil, nil
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
		q.spill.counts.delivered.Add(int64(openOf(l.shares) - len(idx)))
		end := 0
		for i, n := range among(l.shares, idx) {
			sh := &l.shares[i]
			sh.at.left -= sh.open - n
			end += n
			sh.end, sh.open = end, n
		}
		l.b, l.out = b, true
	}
	q.moveOut(l.pieces)
}

// copyOverhead is about what a copy takes besides, in bytes: its Batch, its piece, and what is left of its window. With
// entries that are written one by one it is most of it.
const copyOverhead = 512

// moveOut copies pieces, so that no window is kept in memory for them.
func (q *deliverer) moveOut(pieces []piece) {
	for i := range pieces {
		if p := &pieces[i]; p.idx != nil {
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
	q.hold(c, c.Memory()+copyOverhead, true)
	return c
}

// setApart returns the lane that must wait, after a Write that failed for entries of its own: l, or one that has what
// l has of their streams, in which case l has the others and goes on.
func (q *deliverer) setApart(l *lane) *lane {
	if len(l.streams) == 1 { // it is apart from all others
		return l
	}
	_, some := errors.AsType[*PartialError](l.cause)
	held := l.delivery.Held() // none if all of them were given up
	if !some || len(held) == 0 || q.spill.perStream || l.class == batch.Failed || l.class == batch.Throttled {
		return l
	}
	x := &lane{used: true, b: l.b, shares: l.shares, out: l.out, delivery: l.delivery, panics: l.panics, wait: l.wait}
	stuck := map[batch.Labels]bool{}
	for _, f := range held {
		if stream := q.spill.streamOf(l.b.LabelsOf(f.Index)); !stuck[stream] {
			stuck[stream] = true
			x.streams = append(x.streams, stream)
			q.apart[stream] = x
		}
	}
	waits := func(b *batch.Batch, i int) bool { return stuck[q.spill.streamOf(b.LabelsOf(i))] }
	l.streams = slices.DeleteFunc(l.streams, func(stream batch.Labels) bool { return stuck[stream] })
	l.delivery = l.delivery.Split(func(i int) bool { return !waits(l.b, i) })
	l.shares = nil
	if l.delivery == nil {
		l.b = nil
	} else {
		l.b.Retain(1)
		for i, n := range among(x.shares, l.delivery.kept()) {
			l.shares = append(l.shares, share{x.shares[i].at, x.shares[i].end, n})
			x.shares[i].open -= n
		}
	}
	l.pieces, x.pieces = divided(l.pieces, waits)
	return x
}

// divided divides pieces into those of entries that wait, and those of the others.
func divided(pieces []piece, waits func(*batch.Batch, int) bool) (others, waiting []piece) {
	for _, p := range pieces {
		a, b := piece{at: p.at, from: p.from}, piece{at: p.at, from: p.from}
		for k := range p.len() {
			i := p.entry(k)
			to := &a
			if waits(p.from, i) {
				to = &b
			}
			to.idx = append(to.idx, int32(i))
			to.bytes += p.from.Entries[i].Size()
		}
		switch {
		case len(a.idx) == 0:
			waiting = append(waiting, p)
		case len(b.idx) == 0:
			others = append(others, p)
		default:
			p.from.Retain(1)
			others, waiting = append(others, a), append(waiting, b)
		}
	}
	return others, waiting
}
