package tail

import (
	"bufio"
	"cmp"
	"errors"
	"io"
)

const (
	// unpackWindow is how far back of what was read last an unpacker reads again
	// without beginning anew: a line of the default MaxLine, and chunks.
	unpackWindow = 2 << 20
	// maxUnpacked is how much a compressed file may hold.
	maxUnpacked = 64 << 30
	// maxRatio is how many times its own size a compressed file may hold, of which
	// nothing is said before freeRatio bytes. The most that gzip does is 1032.
	maxRatio  = 500
	freeRatio = 64 << 20
	// unpackStep is the most that is unpacked between two looks at whether to stop.
	unpackStep = chunk
	// packedBuffer is how much of the compressed file is read at once.
	packedBuffer = 32 << 10
)

// An unpacker reads a compressed file as if it were not compressed. It is made
// for who reads on and on, and now and then what it has just read once more: of
// that the last window bytes are kept, and the first printMax. A read that
// begins before them unpacks the file again from its beginning, and one far
// ahead unpacks all that is between: right, but slow.
//
// Not for concurrent use. It reads the file by ReadAt only, and leaves closing
// it to its owner. It starts no goroutine. Its memory is what it keeps, which
// grows with what was read up to window, twice that if keep had to put something
// aside; and while it is not released, some 100 KiB for gzip, and for zstd the
// window its frames ask for, at most maxFrameWindow, and 1 MiB. One that was
// never read, or that was released, has none.
type unpacker struct {
	kind packing
	most int64

	in  packed
	buf *bufio.Reader // of in
	dec decoder       // nil if released

	past  past
	stale bool  // dec has to begin anew
	fail  error // why nothing follows past: io.EOF, or an unpackError
	owed  error // what the next step returns
}

// newUnpacker returns an unpacker of f, which is compressed as kind says and must
// not change. It keeps window bytes, and unpacks no more than most.
func newUnpacker(f io.ReaderAt, kind packing, window int, most int64) *unpacker {
	return &unpacker{
		kind: kind, most: most,
		in: packed{f: f}, past: newPast(window),
	}
}

// until has reads ask stop between steps, which may be nil: an error of it is what
// ReadAt returns then. It is the Err of the context that reads, as a rule: to
// skip a file may take minutes.
func (u *unpacker) until(stop func() error) { u.in.stop = stop }

// ReadAt reads what the file holds at off when it is unpacked. It returns fewer
// bytes than asked for with io.EOF at the end, and with an *unpackError where
// the file cannot be unpacked further: those bytes are good. An error of the
// file itself, and that of stop, are returned as they are, and the next read
// tries again.
//
// What was read is as good as the format tells up to there: checksums come at
// the end of a gzip member or zstd frame, if a frame has one.
func (u *unpacker) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("tail: negative offset")
	}
	n, end := 0, off+int64(len(p))
	for n < len(p) {
		at := off + int64(n)
		k := u.past.copy(p[n:], at)
		n += k
		switch {
		case k > 0:
		case at < u.past.end:
			u.rewind()
		default:
			if err := u.step(end - u.past.end); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// end is how much the file holds, -1 if that is not known.
func (u *unpacker) end() int64 {
	if u.fail != io.EOF {
		return -1
	}
	return u.past.end
}

// keep makes sure that of what follows off, which may be read again once the end
// of a long line is found, window bytes are kept however far reading goes on. It
// takes the place of what was kept before; a negative off keeps nothing.
func (u *unpacker) keep(off int64) { u.past.hold = off }

// step unpacks some bytes, at most want.
func (u *unpacker) step(want int64) error {
	if err := cmp.Or(u.owed, u.fail); err != nil {
		u.owed = nil
		return err
	}
	if err := u.in.ask(); err != nil {
		return err
	}
	if err := u.begin(); err != nil {
		return u.failed(err)
	}
	into := u.room(want)
	n, err := u.dec.Read(into)
	if n > 0 && u.past.end == u.most {
		u.fail = &unpackError{u.kind, u.most, errBomb, nil}
		return u.fail
	}
	u.past.put(into[:n])
	if err != nil {
		if err = u.failed(err); n > 0 {
			u.owed, err = err, nil // the bytes first
		}
		return err
	}
	if at := u.past.end; at > freeRatio && at/maxRatio > u.in.off {
		u.fail = &unpackError{u.kind, at, errBomb, errRatio}
	}
	return nil
}

// room is where to unpack to. At the limit it is one byte elsewhere, to find out
// whether that is the end.
func (u *unpacker) room(want int64) []byte {
	if u.past.end == u.most {
		return make([]byte, 1)
	}
	return u.past.space(min(want, unpackStep, u.most-u.past.end))
}

// begin makes sure that there is a decoder, and that it stands where past ends.
func (u *unpacker) begin() error {
	if u.dec != nil && !u.stale {
		return nil
	}
	u.rewind()
	u.in.off, u.in.err = 0, nil
	if u.dec == nil {
		u.dec, u.buf = u.kind.decoder(), bufio.NewReaderSize(&u.in, packedBuffer)
	}
	u.buf.Reset(&u.in)
	magic, err := u.buf.Peek(magicMax)
	switch {
	case err != nil && err != io.EOF:
		return err
	case !u.kind.begins(magic):
		return errNotPacked
	case len(magic) < magicMax:
		return io.ErrUnexpectedEOF
	}
	u.stale = false
	return u.dec.reset(u.buf)
}

// failed notes why u cannot unpack what follows.
func (u *unpacker) failed(err error) error {
	switch {
	case u.in.err != nil:
		u.stale = true // the decoder may have taken it for the end
		return u.in.err
	case err == io.EOF:
		u.fail = io.EOF
	default:
		u.fail = unpackErr(u.kind, u.past.end, err)
	}
	return u.fail
}

// rewind goes back to the beginning.
func (u *unpacker) rewind() {
	u.past.rewind()
	u.stale, u.fail, u.owed = true, nil, nil
}

// release drops all memory, and what is known of the file, which may have
// changed: the next read begins anew.
func (u *unpacker) release() {
	if u.dec != nil {
		u.dec.close()
	}
	u.dec, u.buf, u.past = nil, nil, newPast(u.past.window)
	u.rewind()
}

// Close is release. The file stays open.
func (u *unpacker) Close() error {
	u.release()
	return nil
}

// prefix reads the first bytes, up to printMax, into buf, which is as long at
// least. What there is comes with an error if that is not all.
func (u *unpacker) prefix(buf []byte) ([]byte, error) {
	n, err := u.ReadAt(buf[:printMax], 0)
	if err == io.EOF {
		err = nil
	}
	return buf[:n], err
}

// resumes reports whether the file begins with what m is a mark of, a file that
// was read before it was compressed: whether it has m's print, which is cheap to
// tell. A file that was empty when it was marked is not known by it. Whether m's
// anchor fits too shows when reading goes on at m's offset. buf is scratch
// memory of at least printMax bytes.
func (u *unpacker) resumes(m mark, buf []byte) (bool, error) {
	if m.print.n == 0 {
		return false, nil
	}
	n, err := u.ReadAt(buf[:m.print.n], 0)
	if err == io.EOF {
		err = nil
	}
	return n == m.print.n && hash(buf[:n]) == m.print.hash, err
}

// A packed is the compressed file, as the stream that decoders read. Decoders
// take one error for another, so it keeps the one there was.
type packed struct {
	f    io.ReaderAt
	stop func() error
	off  int64
	err  error // other than io.EOF
}

func (in *packed) ask() error {
	if in.stop == nil {
		return nil
	}
	return in.stop()
}

// Read also asks whether to stop: much may be read that unpacks to nothing.
func (in *packed) Read(p []byte) (int, error) {
	if in.err = in.ask(); in.err != nil {
		return 0, in.err
	}
	n, err := in.f.ReadAt(p, in.off)
	in.off += int64(n)
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}
