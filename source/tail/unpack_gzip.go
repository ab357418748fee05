package tail

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// A gunzip unpacks gzip (RFC 1952). Members follow one another, as when logs
// were compressed one by one and concatenated, and are read as one file. Behind
// the last, zero bytes are padding, as they are to gzip(1); anything else is an
// error once everything before it was read.
type gunzip struct {
	in     *bufio.Reader
	z      gzip.Reader
	within bool // a member
	begun  bool // the first member was found
}

func (g *gunzip) reset(in *bufio.Reader) error {
	g.in, g.within, g.begun = in, false, false
	return nil
}

func (g *gunzip) close() {}

func (g *gunzip) Read(p []byte) (int, error) {
	for {
		if !g.within {
			if err := g.member(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		if err == io.EOF { // its checksum and length are right
			g.within, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// member begins the next member. It returns io.EOF if there is none.
func (g *gunzip) member() error {
	magic, err := g.in.Peek(magicMax)
	switch {
	case err != nil && err != io.EOF:
		return err
	case g.begun && len(magic) == 0:
		return io.EOF
	case g.begun && magic[0] == 0:
		return g.padding()
	case g.begun && !gzipped.begins(magic):
		return errTrailing
	}
	// The package hands on io.EOF where it is within a header's name.
	if err := g.z.Reset(g.in); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	g.z.Multistream(false)
	g.within, g.begun = true, true
	return nil
}

// padding reads zero bytes to the end of the file.
func (g *gunzip) padding() error {
	for {
		if _, err := g.in.Peek(1); err != nil {
			return err
		}
		b, err := g.in.Peek(g.in.Buffered())
		if err != nil {
			return err
		}
		if nuls(b) < len(b) {
			return errTrailing
		}
		if _, err := g.in.Discard(len(b)); err != nil {
			return err
		}
	}
}
