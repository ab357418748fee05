package sink

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/logferry/logferry/batch"
)

// Writer returns a Sink that writes each entry's line and a newline to w. Lines are written raw: newlines and control
// characters within them are not escaped. Everything said of [WriterFunc] holds.
func Writer(w io.Writer) Sink {
	return WriterFunc(w, func(dst []byte, e *batch.Entry) []byte {
		return append(append(dst, e.Line...), '\n')
	})
}

// WriterFunc returns a Sink that writes to w what format appends to dst for each entry, line end included. The Labels
// of the entry are filled in; it must not be kept. format is called by one Write at a time, in the order of the batch.
//
// A batch is one w.Write, and there is one at a time; ctx bounds the wait for one's turn, but cannot interrupt w. If
// w takes only a part, the entries it did not take wholly are failures, worth a retry. What is missing of a line that
// was cut in two is written before anything else, so that no line is mixed with another; its entry, when it comes
// again as the first of a batch, is not written twice. If w fails although it took everything, nothing is known and
// every entry is a failure. w must not be written to by anybody else.
//
// Close completes a line that was cut in two, and does not close w. WriterFunc panics if w or format is nil.
func WriterFunc(w io.Writer, format func(dst []byte, e *batch.Entry) []byte) Sink {
	if w == nil || format == nil {
		panic("sink: Writer: nil io.Writer or format")
	}
	return &writer{w: w, format: format, turn: make(chan struct{}, 1)}
}

// maxKeep bounds the buffer that is kept from one Write to the next.
const maxKeep = 1 << 20

type writer struct {
	w      io.Writer
	format func([]byte, *batch.Entry) []byte
	turn   chan struct{} // a lock whose wait honours ctx

	// Belongs to whoever has the turn.
	buf   []byte
	ends  []int       // of the entries in buf
	entry batch.Entry // the one being formatted
	torn  torn
}

// torn is a line w took only a part of. Its entry was reported as failed and will come again.
type torn struct {
	line   []byte // nil: there is none
	cut    int    // so much of it is written; all of it: it was completed in the meantime
	resent bool   // the batch in buf begins with its entry
}

func (t *torn) rest() []byte { return t.line[t.cut:] }

func (w *writer) Write(ctx context.Context, b *batch.Batch) error {
	if err := w.lock(ctx); err != nil {
		return fmt.Errorf("sink: writer: %w", err)
	}
	defer w.unlock()
	if len(b.Entries) == 0 {
		return nil
	}
	w.render(b)
	return w.flush()
}

func (w *writer) lock(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) unlock() {
	w.entry = batch.Entry{}
	if cap(w.buf) > maxKeep {
		w.buf = nil
	}
	<-w.turn
}

// render puts what is missing of a torn line and then b into buf.
func (w *writer) render(b *batch.Batch) {
	w.buf = append(w.buf[:0], w.torn.rest()...)
	w.ends = w.ends[:0]
	w.torn.resent = false
	for i := range b.Entries {
		start := len(w.buf)
		w.entry = b.Entries[i]
		w.entry.Labels = b.LabelsOf(i)
		w.buf = w.format(w.buf, &w.entry)
		if i == 0 && w.torn.line != nil && bytes.Equal(w.buf[start:], w.torn.line) {
			// Its rest stands for it. If it is another entry of the same text, nobody can tell the difference.
			w.buf = w.buf[:start]
			w.torn.resent = true
		}
		w.ends = append(w.ends, len(w.buf))
	}
}

// flush writes buf and says what became of the entries in it.
func (w *writer) flush() error {
	n, err := len(w.buf), error(nil)
	if n > 0 {
		n, err = w.w.Write(w.buf)
		n = min(max(n, 0), len(w.buf))
	}
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	whole := w.wrote(n)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sink: writer: %w", err)
	if whole == 0 || n == len(w.buf) {
		return err
	}
	fs := make([]Failure, 0, len(w.ends)-whole)
	for i := whole; i < len(w.ends); i++ {
		fs = append(fs, Failure{i, err})
	}
	return partial(fs)
}

// wrote notes that w took n bytes of buf and returns how many entries that completes.
func (w *writer) wrote(n int) (whole int) {
	start := len(w.torn.rest())
	if n < start {
		w.torn.cut += n
		return 0
	}
	w.torn.cut = len(w.torn.line)
	if w.torn.resent {
		w.torn = torn{}
	}
	for _, end := range w.ends {
		if end > n {
			break
		}
		start = end
		whole++
	}
	if n > start {
		w.torn = torn{line: bytes.Clone(w.buf[start:w.ends[whole]]), cut: n - start}
	}
	return whole
}

func (w *writer) Close(ctx context.Context) error {
	if err := w.lock(ctx); err != nil {
		return fmt.Errorf("sink: writer: close: %w", err)
	}
	defer w.unlock()
	rest := w.torn.rest()
	if len(rest) == 0 {
		return nil
	}
	if _, err := w.w.Write(rest); err != nil {
		return fmt.Errorf("sink: writer: close: completing a line: %w", err)
	}
	w.torn = torn{}
	return nil
}
