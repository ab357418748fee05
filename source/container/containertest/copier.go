package containertest

import (
	"bytes"
	"time"
)

// A copier cuts what a container writes to one of its outputs into messages, as
// the engine does: at each newline, and wherever a line has filled its buffer.
// All pieces of a line bear the time of the first.
type copier struct {
	out    Output
	buf    []byte // not logged yet; shorter than pieceSize
	piece  int    // how many pieces of the current line are logged
	at     time.Time
	newest *record // the last of them
}

// write takes what the container wrote. now is called for each message that
// needs a time; log gets each message and its line, which is p's memory or the
// copier's.
func (c *copier) write(p []byte, now func() time.Time, log func(*record, []byte)) {
	for len(p) > 0 {
		if end := bytes.IndexByte(p, '\n'); end >= 0 && len(c.buf)+end < pieceSize {
			c.line(append(c.buf, p[:end]...), now, log)
			p = p[end+1:]
			continue
		}
		n := min(len(p), pieceSize-len(c.buf))
		c.buf, p = append(c.buf, p[:n]...), p[n:]
		if len(c.buf) == pieceSize {
			c.part(now, log)
		}
	}
}

// line logs the end of a line.
func (c *copier) line(line []byte, now func() time.Time, log func(*record, []byte)) {
	r := &record{out: c.out, ends: true}
	if c.piece > 0 {
		r.piece, r.at = c.piece+1, c.at
	} else {
		r.at = now()
	}
	log(r, line)
	c.buf, c.piece, c.newest = line[:0], 0, nil
}

// part logs what the buffer holds as a piece.
func (c *copier) part(now func() time.Time, log func(*record, []byte)) {
	if c.piece == 0 {
		c.at = now()
	}
	c.piece++
	c.newest = &record{out: c.out, piece: c.piece, at: c.at}
	log(c.newest, c.buf)
	c.buf = c.buf[:0]
}

// end logs what is left when the container has ended.
func (c *copier) end(now func() time.Time, log func(*record, []byte)) {
	if len(c.buf) > 0 {
		c.part(now, log)
	}
	if c.newest != nil {
		c.newest.last = true
	}
	*c = copier{out: c.out}
}
