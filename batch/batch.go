package batch

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// A Batch is a run of entries that travel and are acknowledged together.
//
// Until the first [Batch.Retain] it belongs to one goroutine, which may change
// it; from then on it is read-only, and may be read by all who hold a
// reference. Methods that change a batch panic once it is shared.
type Batch struct {
	// Entries are in the order they were read. Processors change them in
	// place, before the batch is shared.
	Entries []Entry
	// Labels are the stream of every entry whose own Labels are zero.
	Labels Labels

	pool      *Pool
	headers   *headers // the box Entries came in, and those it outgrew
	boxed     int      // capacity of these boxes, in entries
	arena     arena
	attrs     []Attr // the tail of this slice holds attributes not yet given away
	attrsHeld int    // bytes of all such slices and of what was put in

	refs    atomic.Int64
	shared  bool // written before the first hand-off and after the last Settle only
	view    bool
	outcome atomic.Pointer[outcome]
	settled func(error)
	parts   []part
	drops   []Dropped // what Drop has counted
	tag     any
}

// outcome boxes the first error voted.
type outcome struct{ err error }

// HeaderBytes is the memory one entry takes in a batch beside its line: what a
// merged copy of it costs.
const HeaderBytes = int(unsafe.Sizeof(Entry{}))

const attrBytes = int(unsafe.Sizeof(Attr{}))

// New returns an empty batch with one reference, whose memory comes from p and
// returns to it when the batch settles. p may be nil.
func New(p *Pool, l Labels) *Batch {
	b := &Batch{Labels: l, pool: p}
	b.arena.pool = p
	b.refs.Store(1)
	return b
}

func (b *Batch) mustOwn(op string) {
	if b.shared || b.view {
		panic("batch: " + op + " on a batch that is not exclusive: it is read-only after Retain and gone after Settle")
	}
}

// Append adds an entry whose line and attributes are copied into b.
func (b *Batch) Append(t time.Time, line []byte, attrs ...Attr) {
	b.mustOwn("Append")
	buf := b.arena.take(len(line))
	copy(buf, line)
	b.append(t, buf, attrs)
}

// AppendShared adds an entry without copying its line, which must either lie in
// memory from [Batch.Buffer] or never change again. The attributes are copied.
func (b *Batch) AppendShared(t time.Time, line []byte, attrs ...Attr) {
	b.mustOwn("AppendShared")
	// Clipped: who appends to a line must not write over the one behind it.
	b.append(t, line[:len(line):len(line)], attrs)
}

func (b *Batch) append(t time.Time, line []byte, attrs []Attr) {
	if len(b.Entries) == cap(b.Entries) {
		b.Grow(max(16, len(b.Entries)))
	}
	b.Entries = append(b.Entries, Entry{Time: t, Line: line, Attrs: b.keepAttrs(attrs)})
}

// keepAttrs copies attrs into b. Slices given out earlier stay where they are:
// a full run of attributes is left to its entries and a new one begun.
func (b *Batch) keepAttrs(attrs []Attr) []Attr {
	if len(attrs) == 0 {
		return nil
	}
	if cap(b.attrs)-len(b.attrs) < len(attrs) {
		b.attrs = make([]Attr, 0, max(2*cap(b.attrs), len(attrs), 16))
		b.attrsHeld += cap(b.attrs) * attrBytes
	}
	n := len(b.attrs)
	b.attrs = append(b.attrs, attrs...)
	for i := range attrs {
		b.attrsHeld += len(attrs[i].Key) + len(attrs[i].Value)
	}
	return b.attrs[n:len(b.attrs):len(b.attrs)]
}

// SetAttrs gives e, an entry of b, a copy of attrs in place of the attributes it
// has. Processors add attributes with it: what is put into an entry by hand is not
// in [Batch.Memory]. attrs may begin with those of e; the slice e had stays as it
// was.
func (b *Batch) SetAttrs(e *Entry, attrs []Attr) {
	b.mustOwn("SetAttrs")
	was := e.Attrs
	e.Attrs = b.keepAttrs(attrs)
	for i := range min(len(was), len(attrs)) {
		if attrs[i] == was[i] { // the same text in two slices takes its room once
			b.attrsHeld -= len(attrs[i].Key) + len(attrs[i].Value)
		}
	}
}

// Grow makes room for n more entries, so that appending them allocates nothing.
//
// As with append, Entries as it was before stays as it was: a loop over it may
// append to b.
func (b *Batch) Grow(n int) {
	b.mustOwn("Grow")
	if cap(b.Entries)-len(b.Entries) >= n {
		return
	}
	h := b.pool.takeHeaders(len(b.Entries) + n)
	h.e = append(h.e, b.Entries...)
	h.older = b.headers
	b.headers, b.Entries = h, h.e
	b.boxed += cap(h.e)
}

// Buffer returns n bytes of b's own memory, to read into and then name in
// AppendShared. Buffers returned earlier never move. What they hold at first
// is unspecified.
func (b *Batch) Buffer(n int) []byte {
	b.mustOwn("Buffer")
	return b.arena.take(n)
}

// LabelsOf returns the labels of entry i: its own, or else those of b.
func (b *Batch) LabelsOf(i int) Labels {
	if l := b.Entries[i].Labels; l != (Labels{}) {
		return l
	}
	return b.Labels
}

// Size is the number of bytes of all lines and attributes: what [Limits]
// counts. It looks at every entry.
func (b *Batch) Size() int {
	n := 0
	for i := range b.Entries {
		n += b.Entries[i].Size()
	}
	return n
}

// Memory is the number of bytes b keeps from being used otherwise: the whole of
// its arena, its entry headers and its attributes, whether they are filled or
// not. Byte budgets count this. Memory that belongs to merged batches is
// counted there; what AppendShared was given and what was put into an entry by
// hand is not counted.
func (b *Batch) Memory() int {
	entries := b.boxed
	if b.headers == nil || cap(b.Entries) > cap(b.headers.e) {
		entries += cap(b.Entries) // a slice the caller put there, or grew with append
	}
	return b.arena.held + entries*HeaderBytes + b.attrsHeld
}

// SetTag attaches a value to b for whoever takes charge of it next; the
// pipeline keeps its account of a batch there. Exclusive batches only.
func (b *Batch) SetTag(v any) {
	b.mustOwn("SetTag")
	b.tag = v
}

// Tag returns what SetTag attached, nil if nothing.
func (b *Batch) Tag() any { return b.tag }

// releaseHeaders gives all boxes back.
func (b *Batch) releaseHeaders() {
	b.releaseOutgrown()
	if b.headers != nil {
		b.pool.giveHeaders(b.headers)
	}
	b.headers, b.boxed = nil, 0
}

// releaseOutgrown gives back the boxes Entries has outgrown, once nobody can be
// in a loop over them.
func (b *Batch) releaseOutgrown() {
	if b.headers == nil {
		return
	}
	for h := b.headers.older; h != nil; {
		b.boxed -= cap(h.e)
		next := h.older
		b.pool.giveHeaders(h)
		h = next
	}
	b.headers.older = nil
}
