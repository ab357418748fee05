package record

import (
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

// Limits bound what a [Joiner] puts into one record. A zero field is no bound,
// which only suits input that is known to be good.
type Limits struct {
	// MaxLines is how many lines are joined at most. The next one begins
	// another record.
	MaxLines int
	// MaxBytes is the length of a record's text. A line that would make it
	// longer begins another record; of a single line that is longer, the rest
	// is left out, at a rune boundary, and the record is Truncated.
	MaxBytes int
	// Timeout is how much later than the line before, by the times that lines
	// carry, another one is not joined to it any more. Where lines have no
	// times, the caller has a clock: see [Joiner.Close].
	Timeout time.Duration
}

// A Record is one or more lines that belong together.
type Record struct {
	Time   time.Time // of the first piece; zero if lines have none
	Stream Stream
	// Text is the lines with newlines between them. It is memory of the Joiner
	// or of the line last added, and valid during the call only.
	Text      []byte
	Attrs     []batch.Attr // of the first piece
	Lines     int          // how many lines Text is made of
	Truncated bool         // a part of a line was left out
	Start     int64        // where the first piece began in the input
	End       int64        // where the last piece ended
}

// A Position says from where input has to be read again after a restart: from
// Offset on, but for the lines of the stream Skip that begin before Until,
// which were part of records already. With Skip [None] nothing is skipped.
//
// Two numbers suffice because lines of no more than two streams are
// interleaved, and what is oldest of one of them is at Offset.
type Position struct {
	Offset int64
	Skip   Stream
	Until  int64
}

// A Joiner makes records of the lines of one input. It holds at most one
// unfinished record per stream, whose pieces and lines it copies: no more than
// twice MaxBytes of text per stream. It belongs to one goroutine.
//
// Pieces of a line ([Line.Partial]) are joined as they are, lines by a newline
// if the Rule says so. Records of one stream come in order, and each line is in
// exactly one.
type Joiner struct {
	limits Limits
	emit   func(*Record)
	keys   [streams]key
	out    Record
}

// key is what is held of one stream.
type key struct {
	line    run // pieces of a line that is not whole yet
	group   run // lines that may be continued
	machine machine
	sent    int64 // the end of the last record
}

// A run is text that grows. Its memory is used again.
type run struct {
	Record
	open bool
	last time.Time // of the last piece
}

// NewJoiner returns a Joiner that joins as r says within l. It calls emit for
// each record from within its methods; emit must not call them.
func NewJoiner(r Rule, l Limits, emit func(*Record)) *Joiner {
	j := &Joiner{limits: l, emit: emit}
	if l.MaxLines == 0 {
		j.limits.MaxLines = math.MaxInt
	}
	if l.MaxBytes == 0 {
		j.limits.MaxBytes = math.MaxInt / 2 // sums do not overflow
	}
	if !r.IsZero() {
		for i := range j.keys {
			j.keys[i].machine = r.newMachine()
		}
	}
	return j
}

// Reset forgets everything that is open, without a record of it, for input that
// begins at p.
func (j *Joiner) Reset(p Position) {
	for i := range j.keys {
		k := &j.keys[i]
		k.line.open, k.group.open, k.sent = false, false, 0
	}
	if p.Skip != None {
		j.keys[p.Skip].sent = p.Until
	}
}

// Passed says that lines of stream s that begin before until are part of records
// already. It is for input in which the end of what [Position.Skip] tells to
// leave out is recognised only when it is read: what comes before it is not given
// to Add.
func (j *Joiner) Passed(s Stream, until int64) { j.keys[s].sent = until }

// Add takes the next line of the input, which lies there from start to end. It
// keeps no part of l.
//
// A line of stream None ends whatever is open of the other streams, and the
// other way around: it means that something is wrong with the input.
func (j *Joiner) Add(l *Line, start, end int64) {
	k := &j.keys[l.Stream]
	if start < k.sent {
		return
	}
	if l.Stream == None {
		j.finish(&j.keys[Stdout], &j.keys[Stderr])
	} else if j.keys[None].open() {
		j.end(&j.keys[None])
	}
	if j.limits.Timeout > 0 && !l.Time.IsZero() {
		j.expire(l.Time.Add(-j.limits.Timeout))
	}
	if !l.Partial && !k.line.open {
		j.whole(k, l, start, end)
		return
	}
	if !k.line.open {
		k.line.begin(l, start)
	}
	k.line.extend(l, end, j.limits.MaxBytes)
	if !l.Partial {
		j.assembled(k)
	}
}

// assembled makes one line of the pieces that are held.
func (j *Joiner) assembled(k *key) {
	k.line.open = false
	r := &k.line
	j.whole(k, &Line{
		Time: r.Time, Stream: r.Stream, Truncated: r.Truncated, Text: r.Text, Attrs: r.Attrs,
	}, r.Start, r.End)
}

// whole takes a line that is whole.
func (j *Joiner) whole(k *key, l *Line, start, end int64) {
	if k.group.open {
		if k.machine.more(l.Text) {
			if !k.group.room(l, &j.limits) {
				j.close(k)
				k.group.begin(l, start)
			}
			k.group.join(l, end, j.limits.MaxBytes)
			return
		}
		j.close(k)
	}
	if k.machine != nil && k.machine.begin(l.Text) {
		k.group.begin(l, start)
		k.group.join(l, end, j.limits.MaxBytes)
		return
	}
	text := Cut(l.Text, j.limits.MaxBytes)
	j.out = Record{
		Time: l.Time, Stream: l.Stream, Text: text, Attrs: l.Attrs, Lines: 1,
		Truncated: l.Truncated || len(text) < len(l.Text), Start: start, End: end,
	}
	k.sent = end
	j.emit(&j.out)
}

// begin opens r for what l is the first piece of, without its text.
func (r *run) begin(l *Line, start int64) {
	r.open = true
	r.Record = Record{Time: l.Time, Stream: l.Stream, Text: r.Text[:0], Attrs: l.Attrs, Start: start}
}

// extend adds a piece of the same line.
func (r *run) extend(l *Line, end int64, maxBytes int) {
	rest := l.Text
	if r.Truncated {
		rest = nil // there is a gap already
	}
	before := len(r.Text)
	if len(rest) > maxBytes-before+4 {
		rest = rest[:maxBytes-before+4] // enough to tell where a rune begins
		r.Truncated = true
	}
	r.Text = append(r.Text, rest...)
	if len(r.Text) > maxBytes {
		r.Text = r.Text[:CutAt(r.Text, maxBytes)]
		r.Truncated = true
	}
	r.Truncated = r.Truncated || l.Truncated
	r.End, r.last = end, l.Time
}

// join adds a line.
func (r *run) join(l *Line, end int64, maxBytes int) {
	if r.Lines > 0 {
		r.Text = append(r.Text, '\n')
	}
	r.Lines++
	r.extend(l, end, maxBytes)
}

// room reports whether l can be joined to r.
func (r *run) room(l *Line, limits *Limits) bool {
	return r.Lines < limits.MaxLines && !r.Truncated && len(l.Text) < limits.MaxBytes-len(r.Text)
}

func (k *key) open() bool { return k.line.open || k.group.open }

// start is where the oldest that is open of k began.
func (k *key) start() int64 {
	switch {
	case k.group.open:
		return k.group.Start
	case k.line.open:
		return k.line.Start
	default:
		return math.MaxInt64
	}
}

// close makes a record of k's group.
func (j *Joiner) close(k *key) {
	k.group.open = false
	k.sent = k.group.End
	j.emit(&k.group.Record)
}

// end makes a record, or two, of all that is open of k.
func (j *Joiner) end(k *key) {
	if k.line.open {
		j.assembled(k)
	}
	if k.group.open {
		j.close(k)
	}
}

// finish ends two streams, the one that began first before the other.
func (j *Joiner) finish(a, b *key) {
	if b.start() < a.start() {
		a, b = b, a
	}
	j.end(a)
	j.end(b)
}

// expire closes what was last added to before t.
func (j *Joiner) expire(t time.Time) {
	for i := range j.keys {
		k := &j.keys[i]
		if k.line.open && k.line.stale(t) {
			j.end(k)
		} else if k.group.open && !k.line.open && k.group.stale(t) {
			j.close(k)
		}
	}
}

func (r *run) stale(t time.Time) bool { return !r.last.IsZero() && !r.last.After(t) }

// Close makes records of everything that is open, as it is: the input has
// ended, or has been silent for long enough.
func (j *Joiner) Close() { j.CloseBefore(math.MaxInt64) }

// CloseBefore makes records of what has been open since before offset pos. A
// reader calls it so that it never has to read more than so much again.
func (j *Joiner) CloseBefore(pos int64) {
	for {
		oldest := &j.keys[None]
		for i := range j.keys {
			if k := &j.keys[i]; k.start() < oldest.start() {
				oldest = k
			}
		}
		if oldest.start() >= pos {
			return
		}
		if oldest.line.open && oldest.line.Start < pos {
			j.end(oldest) // the line may belong to the group
		} else {
			j.close(oldest)
		}
	}
}

// Open reports whether anything is open.
func (j *Joiner) Open() bool {
	return j.keys[None].open() || j.keys[Stdout].open() || j.keys[Stderr].open()
}

// Resume says where to read on so that nothing is lost and nothing comes twice,
// given that input was read up to read and all records so far were delivered.
func (j *Joiner) Resume(read int64) Position {
	p := Position{Offset: read}
	for i := range j.keys {
		p.Offset = min(p.Offset, j.keys[i].start())
	}
	for i := range j.keys {
		if k := &j.keys[i]; Stream(i) != None && k.sent > p.Offset {
			p.Skip, p.Until = Stream(i), k.sent
		}
	}
	return p
}
