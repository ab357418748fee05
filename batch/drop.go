package batch

// A Dropped says how many entries left a batch for one reason.
type Dropped struct {
	Reason  string
	Entries int
}

// Filter keeps the entries keep returns true for, in order. keep may change the
// entry it is given. Whoever has to say why entries are gone uses [Batch.Drop].
func (b *Batch) Filter(keep func(*Entry) bool) {
	b.mustOwn("Filter")
	b.sift(keep)
}

// Drop removes the entries drop returns true for, keeps the others in order,
// and counts what it removed under reason, for whoever has charge of the batch:
// a pipeline books it in its ledger. drop may change the entry it is given.
//
// A reason is a name like "rate_limited": a constant, not text from a line, as
// it becomes a key in statistics. Drop panics if it is empty.
func (b *Batch) Drop(reason string, drop func(*Entry) bool) {
	b.mustOwn("Drop")
	if reason == "" {
		panic("batch: Drop without a reason")
	}
	if n := b.sift(func(e *Entry) bool { return !drop(e) }); n > 0 {
		b.countDrop(reason, n)
	}
}

// CountDrop counts n entries as dropped for reason that never got into b: a
// source had no room for them. It calls it before it sends b, which may be empty.
// In the pipeline's ledger they are read, and dropped. It panics if reason is
// empty.
func (b *Batch) CountDrop(reason string, n int) {
	b.mustOwn("CountDrop")
	if reason == "" {
		panic("batch: CountDrop without a reason")
	}
	if n > 0 {
		b.countDrop(reason, n)
	}
}

// sift keeps the entries keep returns true for and says how many others there
// were.
func (b *Batch) sift(keep func(*Entry) bool) int {
	n := 0
	for i := range b.Entries {
		if !keep(&b.Entries[i]) {
			continue
		}
		if n != i {
			b.Entries[n] = b.Entries[i]
		}
		n++
	}
	gone := len(b.Entries) - n
	clear(b.Entries[n:])
	b.Entries = b.Entries[:n]
	return gone
}

// countDrop adds to the count of a reason. There are few: a list is searched
// faster than a map is made.
func (b *Batch) countDrop(reason string, n int) {
	for i := range b.drops {
		if b.drops[i].Reason == reason {
			b.drops[i].Entries += n
			return
		}
	}
	b.drops = append(b.drops, Dropped{reason, n})
}

// Drops is what [Batch.Drop] and [Batch.CountDrop] have counted, one element for
// each reason. It is b's own, and true until the next of these or of TakeDrops.
func (b *Batch) Drops() []Dropped { return b.drops }

// TakeDrops returns what [Batch.Drop] and [Batch.CountDrop] have counted and
// begins anew. The slice is the caller's. Exclusive batches only: a pipeline calls
// it once the processors are done with b.
func (b *Batch) TakeDrops() []Dropped {
	b.mustOwn("TakeDrops")
	d := b.drops
	b.drops = nil
	return d
}
