package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Reader is a Source of the lines of an [io.Reader]: standard input, a pipe, a
// connection. It ends when its input does. What it reads cannot be read again: it
// keeps no cursor, and what is in memory when the process is killed is lost.
//
// Run returns soon after its ctx is done if a Read can be interrupted: by a
// SetReadDeadline, as that of a net.Conn or an os.Pipe, or by closing, see
// [ReaderConfig].CloseToStop. If it can not, Run returns when the Read does, and
// until then the pipeline's Close names it as stuck. Standard input is such a
// reader; where the system has /dev/stdin, what os.Open makes of that often is not.
//
// What was read until Run was told to stop is delivered, and so is a last line
// without an end. Only Run may read from, or set deadlines of, the io.Reader, until
// it has returned.
type Reader struct {
	cfg ReaderConfig
	cut batch.Cutter
	r   io.Reader

	// Belongs to Run.
	buf  []byte // what has been read and not sent is buf[:n]
	n    int
	skip bool // until the next newline: the rest of a line that was cut
}

// NewReader returns a Reader of r, or an error that joins one for every field of
// cfg that is wrong. It reads nothing yet.
func NewReader(r io.Reader, cfg ReaderConfig) (*Reader, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(r); err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, cut: batch.Cutter{MaxLine: cfg.MaxLine, KeepCR: cfg.KeepCR}, r: r}, nil
}

const (
	// readSize is how much a Reader reads at once, unless a line is longer.
	readSize = 64 << 10
	// readerStream keys no checkpoint: the stream has no cursor.
	readerStream = "reader"
	// emptyReads is how many Reads in a row may return nothing at all.
	emptyReads = 100
)

// Run is part of Source.
func (r *Reader) Run(ctx context.Context, out *Outlet) error {
	lasting, stop := out.Lasting(ctx)
	defer stop()
	defer r.interruptible(ctx, out)()
	p := &readerPass{Reader: r, out: out, ctx: lasting}
	for ctx.Err() == nil {
		ended := r.read()
		if ctx.Err() != nil {
			// The Read may have gone on for as long as it liked.
			last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), LastWait, context.Cause(ctx))
			defer cancel()
			p.ctx = last
		}
		if err := p.lines(); err != nil {
			return err
		}
		if ended != nil && ctx.Err() == nil {
			return errors.Join(p.rest(), failure(ended))
		}
	}
	return p.rest()
}

// failure is what the end of the input means for Run: nothing if it was to be
// expected.
func failure(err error) error {
	if err == io.EOF || errors.Is(err, fs.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("source: reader: %w", err)
}

// interruptible has the end of ctx interrupt a Read, if anything can. The function
// it returns is called when there will be none.
func (r *Reader) interruptible(ctx context.Context, out *Outlet) (done func()) {
	d, _ := r.r.(interface{ SetReadDeadline(time.Time) error })
	if d != nil && d.SetReadDeadline(time.Time{}) != nil {
		d = nil // a file that has none
	}
	if d == nil && !r.cfg.CloseToStop {
		return func() {}
	}
	over := make(chan struct{})
	h := out.Go("interrupt", func(context.Context) error {
		select {
		case <-over:
		case <-ctx.Done():
			if d == nil {
				return r.r.(io.Closer).Close()
			}
			return d.SetReadDeadline(time.Unix(1, 0))
		}
		return nil
	})
	return func() {
		close(over)
		<-h.Done()
		if d != nil {
			d.SetReadDeadline(time.Time{}) // whoever reads next must not be interrupted
		}
	}
}

// read reads once, behind what is left. Bytes come before an error.
func (r *Reader) read() error {
	if r.n == len(r.buf) {
		buf := make([]byte, max(readSize, 2*r.n))
		copy(buf, r.buf[:r.n])
		r.buf = buf
	}
	for range emptyReads {
		room := r.buf[r.n:]
		n, err := r.r.Read(room)
		if n < 0 || n > len(room) {
			return fmt.Errorf("a %T returned %d bytes of %d", r.r, n, len(room))
		}
		r.n += n
		if n > 0 || err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// A readerPass is one Run of a Reader.
type readerPass struct {
	*Reader
	out    *Outlet
	ctx    context.Context // outlasts that of Run
	stream *Stream         // nil: to be opened
	seen   int             // buf[:seen] has been searched: no line ends in it
}

// lines sends the whole lines there are, and the beginning of one that is too long
// to wait for its end.
func (p *readerPass) lines() error {
	p.pass()
	for bytes.IndexByte(p.buf[p.seen:p.n], '\n') >= 0 {
		used := 0
		if err := p.send(func(b *batch.Batch) { used = p.cut.Append(b, p.buf[:p.n]) }); err != nil {
			return err
		}
		p.n, p.seen = copy(p.buf, p.buf[used:p.n]), 0
	}
	p.seen = p.n
	// One byte more, for a CR that is not counted.
	if p.n <= p.cfg.MaxLine+1 {
		return nil
	}
	err := p.rest()
	p.skip = err == nil
	return err
}

// pass skips the rest of a line that was cut, as far as it has been read.
func (p *readerPass) pass() {
	if !p.skip {
		return
	}
	end := bytes.IndexByte(p.buf[:p.n], '\n')
	if end < 0 {
		p.n = 0
		return
	}
	p.n = copy(p.buf, p.buf[end+1:p.n])
	p.skip = false
}

// rest sends what is left as one line.
func (p *readerPass) rest() error {
	if p.n == 0 {
		return nil
	}
	err := p.send(func(b *batch.Batch) {
		line, attrs := p.cut.Trim(p.buf[:p.n])
		b.Append(time.Time{}, line, attrs...)
	})
	if err == nil {
		p.n, p.seen = 0, 0
	}
	return err
}

// send sends what fill puts into a batch. If the stream was lost it is opened
// again, which waits for longer each time: what has been read is not to be had
// again. It fails when the time is up.
func (p *readerPass) send(fill func(*batch.Batch)) error {
	for {
		if p.stream == nil {
			s, err := p.out.Open(p.ctx, readerStream, p.cfg.Labels)
			if err != nil {
				return err
			}
			p.stream = s
		}
		b := p.stream.NewBatch()
		fill(b)
		err := p.stream.Send(p.ctx, b, "")
		if err == nil || !errors.Is(err, ErrStreamLost) {
			return err
		}
		p.stream = nil
	}
}
