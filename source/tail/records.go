package tail

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

// Attributes of entries, beside truncated.
const (
	streamKey = "stream"    // the output of a container: stdout or stderr
	badKey    = "malformed" // the record.Format the line was not in
	pathKey   = "path"
	offsetKey = "offset"
)

// windowMin is how much of a file, at the least, may follow a record that is
// still open.
const windowMin = 1 << 20

// records makes entries of lines that are not entries as they stand: they are
// in an encoding or a format, or belong together. It belongs to a worker and
// keeps nothing of a file between its turns: what is open then is read again.
type records struct {
	*plan
	decoder *record.Decoder
	joiner  *record.Joiner
	bad     []batch.Attr // of a line that was not in Format
	// window is how much is read again at most. A record that is open while
	// that much follows is closed as it is; a line that is longer is not taken
	// out of its format.
	window int64

	raw   []byte // a stretch of the file, longer than a chunk if need be
	text  []byte // a line in UTF-8
	attrs []batch.Attr
	b     *batch.Batch // to fill
	path  string       // where b comes from
	own   []batch.Attr // of the file b comes from
}

func newRecords(p *plan) *records {
	r := &records{
		plan: p, decoder: record.NewDecoder(p.Format), bad: []batch.Attr{{Key: badKey, Value: p.Format.String()}},
		window: max(windowMin, int64(2*p.MaxLine), int64(len(p.newline(nil))*(p.MaxLine+1))),
	}
	r.joiner = record.NewJoiner(p.Multiline.Rule, record.Limits{
		MaxLines: p.Multiline.MaxLines, MaxBytes: p.MaxLine, Timeout: p.Multiline.Timeout,
	}, r.emit)
	return r
}

// joins reports whether lines need more than their line ends found.
func (p *plan) joins() bool {
	return p.Format != record.Plain || !p.Multiline.Rule.IsZero() || p.Encoding != nil || p.AddPath || p.AddOffset || p.Attrs != nil
}

// newline is the line end of a file that begins with head.
func (p *plan) newline(head []byte) []byte {
	all := newCodings(p.Encoding)
	return all[sniff(head, all[configured].unit())].newline
}

// begin has records of f go to b from now on.
func (r *records) begin(f *file, b *batch.Batch) {
	r.b, r.own = b, f.attrs
	if r.AddPath {
		r.path = strings.ToValidUTF8(f.path, "\uFFFD")
	}
	r.joiner.Reset(record.Position{Offset: f.offset, Skip: f.skip, Until: f.until})
}

// lines takes the whole lines of data, which lies at offset at, and returns how
// many bytes they take.
func (r *records) lines(c *coding, data []byte, at int64) (used int) {
	for len(r.b.Entries) < batch.MaxCut {
		n := c.index(data[used:])
		if n < 0 {
			break
		}
		end := used + n + c.unit()
		r.line(c, data[used:used+n], at+int64(used), at+int64(end))
		used = end
	}
	return used
}

// line takes one line, which lies from start to end.
func (r *records) line(c *coding, raw []byte, start, end int64) {
	var l record.Line
	text, cut := r.decode(c, raw)
	if r.decoder.Decode(text, &l) != nil {
		l.Attrs = r.bad
	}
	if r.Output != record.None && l.Stream != record.None && l.Stream != r.Output {
		return
	}
	if l.Truncated = cut; !l.Partial {
		l.Text = r.trim(l.Text)
	}
	r.joiner.Add(&l, start, end)
}

// decode makes UTF-8 of a line. Of a plain one no more than can be delivered is
// needed, with a carriage return and what is left of a cut character.
func (r *records) decode(c *coding, raw []byte) (text []byte, cut bool) {
	if c.dec == nil {
		return raw, false
	}
	most := int(r.window)
	if r.Format == record.Plain {
		most = r.MaxLine + 8
	}
	r.text, cut = c.decode(r.text, raw, most)
	return r.text, cut
}

// trim leaves out the carriage return before a line end.
func (r *records) trim(line []byte) []byte {
	if n := len(line); !r.KeepCR && n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// emit makes an entry of a record.
func (r *records) emit(out *record.Record) {
	attrs := r.attrs[:0]
	if out.Stream != record.None {
		attrs = append(attrs, batch.Attr{Key: streamKey, Value: out.Stream.String()})
	}
	attrs = append(attrs, out.Attrs...)
	attrs = append(attrs, r.own...)
	if out.Truncated {
		attrs = append(attrs, batch.Truncated())
	}
	if r.AddPath {
		attrs = append(attrs, batch.Attr{Key: pathKey, Value: r.path})
	}
	if r.AddOffset {
		attrs = append(attrs, batch.Attr{Key: offsetKey, Value: strconv.FormatInt(out.Start, 10)})
	}
	r.b.Append(out.Time, out.Text, attrs...)
	r.attrs = attrs
}

// A stretch is what was read of a file: buf[from:to] is to be looked at, and
// buf[0] lies at base.
type stretch struct {
	buf      []byte
	base     int64
	from, to int
}

func (s *stretch) at() int64  { return s.base + int64(s.from) }
func (s *stretch) end() int64 { return s.base + int64(s.to) }

// joined sends the records of head, which fill read. It reads on as long as the
// first of them has not ended.
func (w *worker) joined(ctx context.Context, t *turn, head []byte) error {
	f, r, c := t.f, w.rec, &w.codings[t.f.coding]
	if f.scan-f.offset >= r.window {
		return w.long(ctx, t, len(head)-int(min(f.offset, anchorMax)))
	}
	back := int(min(f.offset, anchorMax))
	s := stretch{buf: head, base: f.offset - int64(back), from: back + w.lead(f, head), to: len(head)}
	b := f.src.NewBatch()
	r.begin(f, b)
	for {
		s.from += r.lines(c, s.buf[s.from:s.to], s.at())
		r.joiner.CloseBefore(s.end() - r.window)
		if t.end || len(b.Entries) >= batch.MaxCut || int64(s.to-s.from) >= r.window || r.joiner.Resume(s.at()).Offset > f.offset {
			break
		}
		if err := r.more(t, &s); err != nil && !(spoils(err) && r.joiner.Open()) {
			b.Settle(nil)
			return err
		} else if err != nil {
			r.joiner.Close() // nothing will follow: what there is comes first
		}
	}
	if t.end = t.end && len(b.Entries) < batch.MaxCut; t.end {
		w.finish(f, c, &s)
	}
	return w.settle(ctx, t, b, &s)
}

// more reads the next chunk behind s.
func (r *records) more(t *turn, s *stretch) error {
	rest := s.to - s.from
	if need := rest + chunk; cap(r.raw) < need {
		raw := make([]byte, min(2*need, int(r.window)+chunk))
		copy(raw, s.buf[s.from:s.to])
		r.raw = raw
	} else {
		copy(r.raw[:cap(r.raw)], s.buf[s.from:s.to])
	}
	*s = stretch{buf: r.raw[:cap(r.raw)], base: s.at(), to: rest}
	n, err := t.f.h.ReadAt(s.buf[rest:rest+chunk], s.end())
	if err != nil && err != io.EOF {
		return err
	}
	s.to += n
	t.end = n < chunk
	return nil
}

// finish closes what is open at the end of a file, if nothing more comes.
func (w *worker) finish(f *file, c *coding, s *stretch) {
	switch {
	case w.once || f.flush:
		if s.from < s.to {
			w.rec.line(c, s.buf[s.from:s.to], s.at(), s.end())
			s.from = s.to
		}
		w.rec.joiner.Close()
	case f.complete && s.end() <= f.end():
		w.rec.joiner.Close()
	}
}

// settle sends b, and moves f's position to where it has to be read on from.
func (w *worker) settle(ctx context.Context, t *turn, b *batch.Batch, s *stretch) error {
	f, r := t.f, w.rec
	next := r.joiner.Resume(s.at())
	f.pending = r.joiner.Open()
	now := passed{next.Skip, next.Until}
	if len(b.Entries) == 0 && next.Offset == f.offset && now == f.passed {
		b.Settle(nil)
		if !f.pending && !t.end {
			return w.long(ctx, t, int(s.end()-f.offset))
		}
		f.rest = s.end() - f.offset
		return nil
	}
	f.rest = s.end() - f.offset
	return w.leap(ctx, t, b, next.Offset, now)
}

// longRecord sends the one line from f's position to end, of which no more than
// the window is looked at. Nothing else is open.
func (w *worker) longRecord(ctx context.Context, t *turn, end, newline int64) error {
	f, r, c := t.f, w.rec, &w.codings[t.f.coding]
	size := min(end-f.offset, r.window)
	if int64(cap(r.raw)) < size {
		r.raw = make([]byte, size)
	}
	raw := r.raw[:size]
	if n, err := f.h.ReadAt(raw, f.offset); n < len(raw) {
		return w.lacks(t, err)
	}
	b := f.src.NewBatch()
	r.begin(f, b)
	if whole := size == end-f.offset; whole {
		r.line(c, raw, f.offset, end+newline)
	} else {
		l := record.Line{Truncated: true}
		if l.Text, _ = r.decode(c, raw); r.Format != record.Plain {
			l.Attrs = r.bad
		}
		r.joiner.Add(&l, f.offset, end+newline)
	}
	r.joiner.Close()
	f.pending = false
	return w.leap(ctx, t, b, end+newline, passed{})
}
