package batch

import "sort"

// A part is a run of entries merged from another batch.
type part struct {
	from  *Batch
	start int     // index of the run's first entry in the merged batch
	n     int     // length of the run
	lo    int     // index of that entry in from, if idx is nil
	idx   []int32 // indices in from, if not nil
}

// Merge appends the headers of the entries of p that idx names, all of them if
// idx is nil, and fills in their labels. No line is copied.
//
// Merge takes over one of the caller's references to p, which b settles with
// its own outcome when it settles. b must be exclusive, p need not be, but must
// not be a Subset. idx is kept until then and must not change.
func (b *Batch) Merge(p *Batch, idx []int32) {
	if idx == nil {
		b.MergeRange(p, 0, len(p.Entries))
		return
	}
	b.beginPart(part{from: p, idx: idx, n: len(idx)})
	for _, i := range idx {
		b.mergeEntry(p, int(i))
	}
}

// MergeRange is [Batch.Merge] of the entries lo to hi-1.
func (b *Batch) MergeRange(p *Batch, lo, hi int) {
	b.beginPart(part{from: p, lo: lo, n: hi - lo})
	for i := lo; i < hi; i++ {
		b.mergeEntry(p, i)
	}
}

func (b *Batch) beginPart(pt part) {
	b.mustOwn("Merge")
	if pt.from.view {
		panic("batch: Merge of a Subset, which holds no reference")
	}
	if cap(b.Entries)-len(b.Entries) < pt.n {
		b.Grow(max(pt.n, len(b.Entries))) // doubles: parts may be small and many
		b.releaseOutgrown()
	}
	pt.start = len(b.Entries)
	if b.parts == nil {
		b.parts = make([]part, 0, 8) // a batch worth sending has a few
	}
	b.parts = append(b.parts, pt)
}

func (b *Batch) mergeEntry(p *Batch, i int) {
	e := p.Entries[i]
	if e.Labels == (Labels{}) {
		e.Labels = p.Labels
	}
	b.Entries = append(b.Entries, e)
}

// Origin returns the batch entry i was merged from and its index there. An
// entry that was appended is its own origin. Once entries of a merged batch
// have been filtered or moved, it cannot tell.
func (b *Batch) Origin(i int) (*Batch, int) {
	k := sort.Search(len(b.parts), func(k int) bool { return b.parts[k].start > i }) - 1
	if k < 0 || i >= b.parts[k].start+b.parts[k].n {
		return b, i
	}
	pt := &b.parts[k]
	if pt.idx != nil {
		return pt.from, int(pt.idx[i-pt.start])
	}
	return pt.from, pt.lo + i - pt.start
}

// Subset returns a view of the entries idx names. It is valid while b is,
// shares b's memory, is read-only, and holds no reference: Retain and Settle on
// it panic. Sinks get one when only a part of a batch is sent again.
func (b *Batch) Subset(idx []int32) *Batch {
	v := &Batch{Labels: b.Labels, view: true, Entries: make([]Entry, len(idx))}
	for k, i := range idx {
		v.Entries[k] = b.Entries[i]
	}
	return v
}

// SubsetRange is [Batch.Subset] of the entries lo to hi-1, which it does not
// copy: it allocates the same whatever their number.
func (b *Batch) SubsetRange(lo, hi int) *Batch {
	return &Batch{Labels: b.Labels, view: true, Entries: b.Entries[lo:hi:hi]}
}

// Retain adds n references and makes b read-only. The caller must hold one.
func (b *Batch) Retain(n int) {
	if b.view {
		panic("batch: Retain on a Subset, which holds no reference")
	}
	if n < 0 {
		panic("batch: Retain of a negative number of references")
	}
	if b.refs.Add(int64(n)) <= int64(n) {
		b.refs.Add(-int64(n)) // or the next Settle would seem to be due
		panic("batch: Retain of a batch that is settled")
	}
	if !b.shared {
		b.shared = true
		b.releaseOutgrown()
	}
}

// OnSettled sets the function the last [Batch.Settle] calls: with nil if every
// vote was nil, else with the first error voted. It is called exactly once, by
// the goroutine of that Settle, and must not block. Only who made the batch
// calls OnSettled, once, before sharing it.
func (b *Batch) OnSettled(f func(error)) {
	b.mustOwn("OnSettled")
	if b.settled != nil {
		panic("batch: OnSettled called twice")
	}
	b.settled = f
}

// Settle drops one reference and votes an outcome: nil if every entry's fate is
// known, an error if they must be read again. When the last reference goes, the
// outcome is announced and the memory released: b and its lines must not be
// touched any more. A Settle without a reference panics.
func (b *Batch) Settle(err error) {
	if b.view {
		panic("batch: Settle on a Subset, which holds no reference")
	}
	if err != nil {
		b.outcome.CompareAndSwap(nil, &outcome{err})
	}
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("batch: Settle of a batch that is settled already")
	}
	b.finish()
}

// finish runs once, when nobody else holds b any more.
func (b *Batch) finish() {
	var err error
	if o := b.outcome.Load(); o != nil {
		err = o.err
	}
	settled, parts := b.settled, b.parts
	b.settled, b.parts, b.tag, b.attrs, b.Entries = nil, nil, nil, nil, nil
	b.attrsHeld, b.drops = 0, nil
	b.shared = true // whoever goes on filling it panics, rather than leak memory of the pool
	b.releaseHeaders()
	b.arena.release()
	for i := range parts {
		parts[i].from.Settle(err)
	}
	if settled != nil {
		settled(err)
	}
}
