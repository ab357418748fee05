package container

import (
	"bytes"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

const (
	// window is how many messages are read again at most because an entry was
	// not complete: one that is open while as many follow is closed as it is.
	window = 16 << 10
	// pieceWait is how long a line is waited for of which the engine has sent
	// pieces, where Multiline has no say. The engine sends a piece when it is
	// full, so the rest comes when the program has written it.
	pieceWait = 30 * time.Second
	// maxEntries bounds the entries of one batch: the headers of very short
	// lines take more memory than the lines.
	maxEntries = 4096
	// batchSize is how many bytes of lines make a batch worth sending.
	batchSize = 256 << 10
)

// A track makes entries of the messages of one log, and knows where to go on
// after a restart so that nothing is lost and nothing comes twice. What is open
// is in its memory, and is read again by whoever goes on from its position.
type track struct {
	plan   *plan
	joiner *record.Joiner
	base   position // that it began at
	n      int64    // messages since then
	marks  []mark   // of messages first to n-1
	first  int64
	// skipping is set until the message base.until was seen.
	skipping bool
	// pieces are the lines of which a piece was seen, by output.
	pieces [3]piece

	fresh  func() *batch.Batch
	b      *batch.Batch // to fill; nil: no entry has been made since the last one was sent
	size   int          // of the entries in b: Batch.Size looks at each
	tty    bool         // lines end in CRLF
	podman bool         // pieces are of any size: see podman.go
	attrs  [3][]batch.Attr
	cut    []batch.Attr // attrs of an entry that was truncated
	text   []byte       // of a message with what was held back in front
}

// A piece is what was seen last of an output: a part of a line, if it is open.
type piece struct {
	open bool
	time int64
	cr   bool // it ends in a CR, held back: the line may end behind it
}

// newTrack returns a track that fills what fresh returns.
func newTrack(p *plan, fresh func() *batch.Batch) *track {
	t := &track{plan: p, fresh: fresh}
	limits := record.Limits{MaxBytes: p.MaxLine}
	if !p.Multiline.Rule.IsZero() {
		limits.MaxLines, limits.Timeout = p.Multiline.MaxLines, p.Multiline.Timeout
	}
	t.joiner = record.NewJoiner(p.Multiline.Rule, limits, t.emit)
	return t
}

// describe sets what is known of the container, for what is read from now on.
func (t *track) describe(tty bool, attrs []batch.Attr) {
	t.tty = tty
	for _, out := range []record.Stream{record.Stdout, record.Stderr} {
		t.attrs[out] = append([]batch.Attr{{Key: attrStream, Value: out.String()}}, attrs...)
	}
}

// begin goes on from p. What was open is forgotten: it is behind p.
func (t *track) begin(p position) {
	t.joiner.Reset(record.Position{})
	t.base, t.n, t.first, t.marks = p, 0, 0, t.marks[:0]
	t.skipping = p.skip != record.None
	t.pieces = [3]piece{}
}

// add takes the next message, whose mark is m.
func (t *track) add(f *frame, m mark) {
	at := t.n
	t.n++
	t.marks = append(t.marks, m)
	switch {
	case t.skipping && f.out == t.base.skip:
		if m == t.base.until {
			t.skipping = false
			t.joiner.Passed(f.out, t.n)
		}
	case t.plan.wants(f.out):
		t.message(f, at)
	}
	t.joiner.CloseBefore(t.n - window)
}

// message gives a message to the joiner. One that is as long as a piece and has
// no line end goes on in the next one of its output that has the same time. A
// piece may be longer than it was written: json-file stores U+FFFD, of three
// bytes, for each byte that is no UTF-8, such as a part of a rune that two pieces
// share.
func (t *track) message(f *frame, at int64) {
	p := &t.pieces[f.out]
	if p.open && p.time != f.time && !t.podman {
		t.joiner.Add(&record.Line{Stream: f.out, Text: t.held(p, nil)}, at, at) // the piece was the last: nothing follows
	}
	text, ended := bytes.CutSuffix(f.data, newline)
	if !ended || len(text) > 0 {
		text = t.held(p, text)
	}
	*p = piece{open: !ended && (t.podman || len(f.data) >= pieceSize), time: f.time}
	switch {
	case t.tty && ended:
		text = bytes.TrimSuffix(text, carriage)
	case t.tty && p.open:
		text, p.cr = bytes.CutSuffix(text, carriage)
	}
	t.joiner.Add(&record.Line{Time: time.Unix(0, f.time).UTC(), Stream: f.out, Partial: p.open, Text: text}, at, at+1)
}

// held returns text with the CR in front that p held back, if it did: it turned
// out not to be a part of the line end.
func (t *track) held(p *piece, text []byte) []byte {
	if !p.cr {
		return text
	}
	p.cr = false
	t.text = append(append(t.text[:0], carriage...), text...)
	return t.text
}

var newline, carriage = []byte{'\n'}, []byte{'\r'}

// emit makes an entry of a record. It is called from within the joiner.
func (t *track) emit(r *record.Record) {
	attrs := t.attrs[r.Stream]
	if r.Truncated {
		t.cut = append(append(t.cut[:0], attrs...), truncated)
		attrs = t.cut
	}
	if t.b == nil {
		t.b, t.size = t.fresh(), 0
	}
	t.b.Append(r.Time, r.Text, attrs...)
	t.size += t.b.Entries[len(t.b.Entries)-1].Size()
}

var truncated = batch.Attr{Key: attrTruncated, Value: "true"}

// close makes entries of all that is open: nothing will follow.
func (t *track) close() {
	t.joiner.Close()
	t.pieces = [3]piece{}
}

// open reports whether anything is.
func (t *track) open() bool { return t.joiner.Open() }

// position is where to go on once all entries so far have been delivered.
func (t *track) position() position {
	r := t.joiner.Resume(t.n)
	p := position{after: t.base.after}
	if r.Offset > 0 {
		p.after = t.marks[r.Offset-1-t.first]
	}
	switch {
	case t.skipping:
		p.skip, p.until = t.base.skip, t.base.until
	case r.Skip != record.None && r.Until > r.Offset:
		p.skip, p.until = r.Skip, t.marks[r.Until-1-t.first]
	}
	return p
}

// settled forgets what no position needs any more. It is called when one was
// sent: marks do not grow for long.
func (t *track) settled() {
	keep := t.joiner.Resume(t.n).Offset - 1 // the message before it
	if drop := keep - t.first; drop > 0 {
		t.marks = append(t.marks[:0], t.marks[drop:]...)
		t.first = keep
	}
}

// full reports whether what is in the batch should be sent.
func (t *track) full() bool {
	return len(t.marks) > window || t.b != nil && (len(t.b.Entries) >= maxEntries || t.size >= batchSize)
}

// take returns the batch to send, which is the caller's; it may be empty.
func (t *track) take() *batch.Batch {
	b := t.b
	if t.b = nil; b == nil {
		b = t.fresh()
	}
	return b
}

// drop ends the batch that is not sent: what is in it will be read again.
func (t *track) drop() {
	if t.b != nil {
		t.b.Settle(nil)
		t.b = nil
	}
}
