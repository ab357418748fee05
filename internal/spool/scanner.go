package spool

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
)

const (
	readBytes  = 64 << 10 // read at a time
	keepBytes  = 4 << 20  // a larger buffer, for a giant line, is not kept
	blockBytes = 4 << 10  // what one bad spot of a medium makes unreadable
)

// A scanner finds the frames of one segment. Its memory is one frame, or readBytes.
type scanner struct {
	file io.ReaderAt
	salt uint32
	size int64 // where the segment ends
	// salvage takes zeros for blocks that cannot be read, rather than an error.
	salvage bool
	holes   bool // it has

	buf []byte
	at  int64 // where buf begins
}

// A find is what lies at one offset of a segment.
type find struct {
	kind findKind
	header
	payload []byte // of a frame; valid until the next call
	end     int64  // the offset behind it
	known   bool   // of damage: the header is good, and the payload is not
}

type findKind int

const (
	nothing findKind = iota // the segment ends here
	frame
	torn    // to the end: the beginning of a frame, or zeros
	damaged // neither
)

// next looks what lies at off. With check unset it does not read payloads.
func (s *scanner) next(off int64, check bool) (find, error) {
	if off >= s.size {
		return find{kind: nothing, end: off}, nil
	}
	if s.size-off < HeaderBytes {
		return find{kind: torn, end: s.size}, nil
	}
	b, err := s.bytes(off, HeaderBytes)
	if err != nil {
		return find{}, err
	}
	h, ok := parseHeader(b, s.salt)
	if !ok {
		return s.skip(off)
	}
	f := find{kind: frame, header: h, end: off + HeaderBytes + int64(h.length)}
	if f.end > s.size {
		return s.behind(off, find{kind: torn, end: s.size})
	}
	f.end = min(f.end+int64(h.room), s.size)
	if !check {
		return f, nil
	}
	if f.payload, err = s.bytes(off+HeaderBytes, int(h.length)); err != nil {
		return find{}, err
	}
	if crc32.Update(s.salt, castagnoli, f.payload) != h.sum {
		f.kind, f.known, f.payload = damaged, true, nil
	}
	return f, nil
}

// skip returns what is no frame at off, up to where the next one begins.
func (s *scanner) skip(off int64) (find, error) {
	zeros, err := s.zeros(off)
	if err != nil {
		return find{}, err
	}
	if zeros && !s.holes {
		return find{kind: torn, end: s.size}, nil
	}
	return s.behind(off, find{kind: damaged, end: s.size})
}

// behind returns rest, which is what lies at off if no frame follows, or else damage that ends where it does.
func (s *scanner) behind(off int64, rest find) (find, error) {
	for {
		at, err := s.magicBehind(off)
		if err != nil || at < 0 {
			return rest, err
		}
		whole, err := s.isFrame(at)
		if err != nil {
			return find{}, err
		}
		if whole {
			return find{kind: damaged, end: at}, nil
		}
		off = at
	}
}

// isFrame reports whether a whole and good frame begins at off.
func (s *scanner) isFrame(off int64) (bool, error) {
	if s.size-off < HeaderBytes {
		return false, nil
	}
	b, err := s.bytes(off, HeaderBytes)
	if err != nil {
		return false, err
	}
	h, ok := parseHeader(b, s.salt)
	if !ok || off+HeaderBytes+int64(h.length) > s.size {
		return false, nil
	}
	payload, err := s.bytes(off+HeaderBytes, int(h.length))
	return err == nil && crc32.Update(s.salt, castagnoli, payload) == h.sum, err
}

// magicBehind returns the offset of the first magic behind off, -1 if there is none.
func (s *scanner) magicBehind(off int64) (int64, error) {
	for off++; s.size-off >= int64(len(magic)); {
		// All that is in memory: a payload may be full of them.
		if _, err := s.bytes(off, len(magic)); err != nil {
			return 0, err
		}
		b := s.buf[off-s.at:]
		if i := bytes.Index(b, magic[:]); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(len(b) - len(magic) + 1)
	}
	return -1, nil
}

// zeros reports whether there is nothing else from off on.
func (s *scanner) zeros(off int64) (bool, error) {
	for off < s.size {
		b, err := s.bytes(off, int(min(readBytes, s.size-off)))
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false, nil
		}
		off += int64(len(b))
	}
	return true, nil
}

// bytes returns n bytes from off on, which lie within the segment. They are valid until the next call.
func (s *scanner) bytes(off int64, n int) ([]byte, error) {
	if off < s.at || off+int64(n) > s.at+int64(len(s.buf)) {
		if err := s.fill(off, n); err != nil {
			return nil, err
		}
	}
	from := int(off - s.at)
	return s.buf[from : from+n], nil
}

// fill reads at least n bytes from off on into buf.
func (s *scanner) fill(off int64, n int) error {
	want := int(min(max(int64(n), readBytes), s.size-off))
	if cap(s.buf) < want || cap(s.buf) > keepBytes && want <= keepBytes {
		s.buf = make([]byte, 0, want)
	}
	s.buf, s.at = s.buf[:want], off
	got, err := s.file.ReadAt(s.buf, off)
	if got == want {
		return nil
	}
	if errors.Is(err, io.EOF) {
		clear(s.buf[got:]) // somebody made the file shorter: zeros are no frame
		s.holes = true
		return nil
	}
	if !s.salvage {
		s.buf = s.buf[:0]
		return err
	}
	s.fillAround(off)
	return nil
}

// fillAround fills buf block by block, with zeros for those that cannot be read.
func (s *scanner) fillAround(off int64) {
	for i := 0; i < len(s.buf); i += blockBytes {
		block := s.buf[i:min(i+blockBytes, len(s.buf))]
		if n, err := s.file.ReadAt(block, off+int64(i)); n < len(block) && err != nil {
			clear(block[n:])
			s.holes = true
		}
	}
}
