package tail

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

const (
	// chunk is how much is read at once.
	chunk = 256 << 10
	// roomy is how much unread input makes a buffer of chunk bytes worth
	// holding until it is delivered. Less is copied into a batch of its size:
	// a thousand slow files must not hold a thousand large buffers.
	roomy = chunk / 4
	// turnChunks is how much a reader reads of one file before the next gets
	// its turn, and searchChunks how far it searches for the end of one line.
	turnChunks   = 4
	searchChunks = 64
)

// A worker reads files, one turn at a time. Several work side by side; a file
// is in the hands of one at most.
type worker struct {
	cut  batch.Cutter
	once bool // a line without newline at the end is a line
	work <-chan *file
	back chan<- turn

	codings [codings]coding
	rec     *records // what makes entries of lines that are not entries as they stand
	joins   bool     // no line is

	scratch []byte // chunk bytes
	head    []byte // printMax bytes
	text    []byte // the last cursor
}

// A turn is what became of one file in the hands of a worker.
type turn struct {
	f       *file
	moved   bool  // lines were sent
	end     bool  // the end of the file was reached
	foreign bool  // what stands in the file is not what was read before
	err     error // why the file could not be read
}

func newWorker(p *plan, work <-chan *file, back chan<- turn) *worker {
	return &worker{
		cut: batch.Cutter{MaxLine: p.MaxLine, KeepCR: p.KeepCR}, once: p.Once,
		codings: newCodings(p.Encoding), rec: newRecords(p), joins: p.joins(),
		work: work, back: back, scratch: make([]byte, chunk), head: make([]byte, printMax),
	}
}

// run takes files until ctx is done.
func (w *worker) run(ctx context.Context, out *source.Outlet) error {
	for {
		select {
		case f := <-w.work:
			t, err := w.take(ctx, out, f)
			if err != nil {
				return err
			}
			select {
			case w.back <- t:
			case <-ctx.Done():
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// take reads one turn's worth of f. It fails only if ctx is done.
func (w *worker) take(ctx context.Context, out *source.Outlet, f *file) (turn, error) {
	t := turn{f: f}
	f.h.until(ctx)
	if f.reopen {
		f.src, f.reopen = nil, false
	}
	if f.herald {
		return w.announce(ctx, out, f)
	}
	for range turnChunks {
		err := w.step(ctx, out, &t)
		f.showPos()
		switch {
		case ctx.Err() != nil:
			return t, context.Cause(ctx)
		case isSend(err):
			f.src, t.end = nil, false // the next step opens it again
		case err == errUnlike:
			f.src, t.foreign = nil, true
			return t, nil
		case err != nil:
			t.err = err
			return t, nil
		case t.foreign:
			return t, nil
		case t.end && f.ask:
			if err := w.probe(ctx, f); err == nil {
				return t, nil
			}
			f.src, t.end = nil, false
		case t.end:
			return t, w.exhaust(ctx, &t)
		}
	}
	return t, nil
}

// exhaust notes in a cursor that a compressed file was read to its end: it
// need not be unpacked again to find that out.
func (w *worker) exhaust(ctx context.Context, t *turn) error {
	f := t.f
	if f.packed == unpacked || f.wholly() {
		return nil
	}
	f.whole = f.size
	if err := w.send(ctx, f, f.src.NewBatch()); err != nil {
		f.src, f.whole, t.end = nil, 0, false
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// announce sends no more than f's first cursor.
func (w *worker) announce(ctx context.Context, out *source.Outlet, f *file) (turn, error) {
	err := w.open(ctx, out, f)
	if ctx.Err() != nil {
		return turn{f: f}, context.Cause(ctx)
	}
	if err != nil {
		f.src = nil // the next turn opens it again
	}
	return turn{f: f, end: true}, nil
}

// probe sends nothing, which fails if the stream is lost.
func (w *worker) probe(ctx context.Context, f *file) error {
	f.ask = false
	return w.send(ctx, f, f.src.NewBatch())
}

// open opens f's stream, for the first time or because it was lost, and goes
// to where it resumes. It fails if ctx is done, or with a sendError.
func (w *worker) open(ctx context.Context, out *source.Outlet, f *file) error {
	s, err := out.Open(ctx, f.stream, f.labels)
	if err != nil {
		return &sendError{err}
	}
	f.src, f.sent = s, s.Cursor()
	f.shown.src.Store(s)
	f.seek(f.sent)
	if f.offset > 0 {
		n, _ := f.h.ReadAt(w.scratch[:4], 0) // what cannot be read now is complained of later
		f.coding = sniff(w.scratch[:n], w.codings[configured].unit())
	}
	if f.sent != "" || !f.announce {
		return nil
	}
	// A file is known from the day it was found, whatever becomes of it before
	// anything of it is delivered, and what From left out stays left out.
	tail := w.scratch[:min(f.offset, anchorMax)]
	n, _ := f.h.ReadAt(tail, f.offset-int64(len(tail)))
	switch fits := n == len(tail); {
	case f.packed != unpacked && f.begin > 0 && !(fits && hash(tail) == f.proof):
		f.short = w.endOf(f)
		return errUnlike
	case !fits:
		return nil // shorter by now, or not readable: the next read tells
	default:
		f.anchor = hash(tail)
	}
	return w.send(ctx, f, s.NewBatch())
}

// errUnlike is what open finds of a compressed file that is made of something else
// than it seemed, or of less.
var errUnlike = errors.New("not the content that was read before")

// endOf is where a compressed file ends, if it ends before f's position.
func (w *worker) endOf(f *file) mark {
	end := f.h.unpacker().end()
	if end < 0 || end >= f.offset {
		return mark{}
	}
	tail := w.scratch[:min(end, anchorMax)]
	if n, _ := f.h.ReadAt(tail, end-int64(len(tail))); n < len(tail) {
		return mark{}
	}
	return mark{offset: end, anchor: hash(tail)}
}

// seek goes to the position that text, a cursor of f's stream, stands for.
func (f *file) seek(text string) {
	f.rest, f.scan = 0, 0
	c, err := parseCursor(text)
	if err != nil || c.epoch != f.epoch {
		// Nothing was acknowledged of what the file holds now.
		f.offset, f.anchor, f.passed = f.begin, anchorOf(nil), passed{}
		return
	}
	f.offset, f.anchor, f.passed, f.whole = c.offset, c.anchor, c.passed, c.whole
}

// step reads one chunk of t's file and sends its whole lines.
func (w *worker) step(ctx context.Context, out *source.Outlet, t *turn) error {
	f := t.f
	if f.src == nil {
		if err := w.open(ctx, out, f); err != nil {
			return err
		}
	}
	if f.size-f.offset < roomy || w.recorded(f) {
		n, err := w.fill(t, w.scratch)
		if err != nil || t.foreign {
			return err
		}
		if w.recorded(f) {
			return w.joined(ctx, t, w.scratch[:n])
		}
		return w.copied(ctx, t, w.scratch[:n])
	}
	b := f.src.NewBatch()
	buf := b.Buffer(chunk)
	n, err := w.fill(t, buf)
	if err != nil || t.foreign {
		b.Settle(nil)
		return err
	}
	if w.recorded(f) { // as its first bytes tell: the next step knows
		t.end = false
		b.Settle(nil)
		return nil
	}
	return w.shared(ctx, t, b, buf[:n])
}

// recorded reports whether f's lines go through w.rec.
func (w *worker) recorded(f *file) bool { return w.joins || f.coding != configured }

// fill reads at f's position, a little before it in fact: if the bytes there
// are not those that were read last time, the file was truncated or replaced.
// That costs no call of its own.
func (w *worker) fill(t *turn, buf []byte) (int, error) {
	f := t.f
	back := min(f.offset, anchorMax)
	f.h.hold(f.offset)
	n, err := f.h.ReadAt(buf, f.offset-back)
	if err != nil && err != io.EOF && int64(n) <= back {
		return 0, err // otherwise what there is comes first
	}
	t.end = n < len(buf) && (err == nil || err == io.EOF)
	if f.offset == 0 {
		f.coding = sniff(buf[:n], w.codings[configured].unit())
	}
	switch {
	case int64(n) < back, back > 0 && hash(buf[:back]) != f.anchor:
		t.foreign = true
	case f.offset < anchorMax && (n < f.print.n || hash(buf[:f.print.n]) != f.print.hash):
		t.foreign = true // too little was read for the anchor to tell
	case int64(n) > back && (back == anchorMax || n > aLot) && !w.begins(f, buf[:n]):
		t.foreign = true // lines of one length may end alike, and much is not read at once
	case f.offset < anchorMax && f.print.n < min(n, printMax):
		head := bytes.Clone(buf[:min(n, printMax)])
		f.print = printOf(head)
		f.head.Store(&head)
	}
	return n, nil
}

// begins reports whether f still begins as it did, or as read does if that is what
// it begins with. It is asked when more has been read: if f was truncated and has
// grown again before that, or in the middle of it, its beginning has changed by then.
// What a compressed file unpacks to does not change.
func (w *worker) begins(f *file, read []byte) bool {
	print := f.print
	if f.offset < anchorMax {
		print = printOf(read[:min(len(read), printMax)])
	}
	return f.packed != unpacked || mark{print: print}.holds(f.h, w.head)
}

// shared sends the whole lines of buf, which is memory of b.
func (w *worker) shared(ctx context.Context, t *turn, b *batch.Batch, buf []byte) error {
	f := t.f
	back := int(min(f.offset, anchorMax))
	skip := w.lead(f, buf)
	b.Grow(min(f.lines+f.lines/8+16, batch.MaxCut))
	used := skip + w.cut.AppendShared(b, buf[back+skip:])
	if used == 0 {
		b.Settle(nil)
		return w.long(ctx, t, len(buf)-back)
	}
	f.lines = len(b.Entries)
	return w.advance(ctx, t, b, buf[:back+used], len(buf)-back-used)
}

// copied sends the whole lines of buf, which is reused.
func (w *worker) copied(ctx context.Context, t *turn, buf []byte) error {
	f := t.f
	back := int(min(f.offset, anchorMax))
	skip := w.lead(f, buf)
	if skip == 0 && bytes.IndexByte(buf[back:], '\n') < 0 {
		return w.long(ctx, t, len(buf)-back)
	}
	b := f.src.NewBatch()
	used := skip + w.cut.Append(b, buf[back+skip:])
	return w.advance(ctx, t, b, buf[:back+used], len(buf)-back-used)
}

// lead is how many bytes at f's position are not part of a line: a byte order
// mark, or a hole.
func (w *worker) lead(f *file, buf []byte) int {
	unit := w.codings[f.coding].unit()
	if f.offset == 0 {
		if n := bom(buf, f.coding, w.codings[configured].unit()); n > 0 {
			return n
		}
	}
	n := hole(buf, int(min(f.offset, anchorMax)))
	return n - n%unit
}

// hole is how many NUL bytes to leave out behind the first back bytes of buf: a
// run of them at the beginning of a file, or the rest of one. Such a hole is
// left by a writer that does not append and keeps its position when its file
// is truncated.
func hole(buf []byte, back int) int {
	if nuls(buf[:back]) < back {
		return 0
	}
	if back > 0 && back < anchorMax {
		return 0
	}
	return nuls(buf[back:])
}

// advance sends b and moves f's position to the end of read, the last rest
// bytes of what was read being left over.
func (w *worker) advance(ctx context.Context, t *turn, b *batch.Batch, read []byte, rest int) error {
	f := t.f
	back := min(f.offset, anchorMax)
	f.offset += int64(len(read)) - back
	f.anchor, f.passed = anchorOf(read), passed{}
	f.rest, f.scan = int64(rest), 0
	t.moved = true
	if t.end && len(b.Entries) == batch.MaxCut {
		t.end = false // there may be whole lines left
	}
	if err := w.send(ctx, f, b); err != nil {
		return err
	}
	if t.end && rest > 0 && (w.once || f.flush) {
		return w.line(ctx, t, f.offset+int64(rest), 0)
	}
	return nil
}

func (w *worker) send(ctx context.Context, f *file, b *batch.Batch) error {
	c := f.cursor()
	w.text = c.append(w.text[:0])
	f.sent = string(w.text)
	if err := f.src.Send(ctx, b, f.sent); err != nil {
		return &sendError{err}
	}
	return nil
}

// A sendError tells a failed Send, after which the stream is opened again, from
// a failed read.
type sendError struct{ error }

func (e *sendError) Unwrap() error { return e.error }

func isSend(err error) bool {
	_, ok := errors.AsType[*sendError](err)
	return ok
}
