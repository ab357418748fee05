package tail

import (
	"context"
	"io"
	"time"

	"github.com/logferry/logferry/batch"
)

// long deals with a line that did not end within the first n bytes: it is
// longer than a chunk, or not finished. It is searched for its end in scratch
// memory, whatever its length.
func (w *worker) long(ctx context.Context, t *turn, n int) error {
	f, c := t.f, &w.codings[t.f.coding]
	read := f.offset + int64(n)
	if t.end || f.scan < read {
		f.scan = read - int64(n%c.unit())
	}
	for range searchChunks {
		if t.end {
			break
		}
		k, err := f.h.ReadAt(w.scratch, f.scan)
		if err != nil && err != io.EOF {
			return err
		}
		if at := c.index(w.scratch[:k]); at >= 0 {
			return w.line(ctx, t, f.scan+int64(at), int64(c.unit()))
		}
		read = f.scan + int64(k)
		f.scan = read - int64(k%c.unit())
		t.end = k < len(w.scratch)
	}
	f.rest = read - f.offset
	if t.end && f.rest > 0 && (w.once || f.flush) {
		return w.line(ctx, t, f.offset+f.rest, 0)
	}
	return nil
}

// line sends the one line from f's position to end, which is followed by a line
// end of the given length.
func (w *worker) line(ctx context.Context, t *turn, end int64, newline int64) error {
	f := t.f
	if w.recorded(f) {
		return w.longRecord(ctx, t, end, newline)
	}
	b := f.src.NewBatch()
	// One byte more, for a CR that is not counted.
	buf := b.Buffer(int(min(end-f.offset, int64(w.cut.MaxLine)+1)))
	if n, err := f.h.ReadAt(buf, f.offset); n < len(buf) {
		b.Settle(nil)
		return w.lacks(t, err)
	}
	if cut := end - f.offset - int64(len(buf)); cut > 0 {
		b.AppendShared(time.Time{}, buf[:w.cut.MaxLine], batch.Truncated())
	} else {
		line, attrs := w.cut.Trim(buf)
		b.AppendShared(time.Time{}, line, attrs...)
	}
	return w.leap(ctx, t, b, end+newline, passed{})
}

// leap sends b and moves f's position to next, some lines behind which are
// passed.
func (w *worker) leap(ctx context.Context, t *turn, b *batch.Batch, next int64, p passed) error {
	f := t.f
	tail := w.scratch[:min(next, anchorMax)]
	if n, err := f.h.ReadAt(tail, next-int64(len(tail))); n < len(tail) {
		b.Settle(nil)
		return w.lacks(t, err)
	}
	f.rest = max(0, f.end()-next)
	f.offset, f.anchor, f.passed, f.scan = next, hash(tail), p, 0
	t.moved = true
	return w.send(ctx, f, b)
}

// lacks is what a read means that came out shorter than what was seen before.
func (w *worker) lacks(t *turn, err error) error {
	if err != io.EOF {
		return err
	}
	t.foreign = true
	return nil
}
