package tail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A cursor says how far a file has been read and how to recognise that file.
// Its text form is kept in checkpoints:
//
//	2 DEV INO PRINTLEN PRINTHASH EPOCH OFFSET ANCHOR MTIME WHOLE PATH [NUL REAL]
//
// with all numbers in lower-case hexadecimal, without leading zeros. The first
// field is the version.
type cursor struct {
	id identity
	mark
	// epoch counts how often the file was truncated under its stream: an
	// offset from before says nothing about the present content.
	epoch uint64
	// mtime is when the file was changed last, as far as was known.
	mtime int64
	// whole is how long the file was when it was read to its end, if it is a
	// compressed one: offsets are those of what it unpacks to.
	whole int64
	// path is where the file was first seen: its labels come from it.
	path string
	// real is where the file lay last, its folder without symbolic links;
	// empty if that is path.
	real string
}

const cursorVersion = "2"

var errCursor = errors.New("not a cursor of this package")

// append appends c's text form to dst.
func (c *cursor) append(dst []byte) []byte {
	dst = append(dst, cursorVersion...)
	for _, n := range [...]uint64{
		c.id.dev, c.id.ino, uint64(c.print.n), c.print.hash, c.epoch, uint64(c.offset), c.anchor,
		uint64(c.mtime), uint64(c.whole),
	} {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, n, 16)
	}
	dst = append(dst, ' ')
	dst = append(dst, c.path...)
	if c.real != "" {
		dst = append(dst, 0)
		dst = append(dst, c.real...)
	}
	return dst
}

func (c *cursor) String() string { return string(c.append(nil)) }

// parseCursor is strict: what it accepts is what append writes, so that a
// damaged number is found out rather than used.
func parseCursor(s string) (cursor, error) {
	version, rest, _ := strings.Cut(s, " ")
	if version != cursorVersion {
		return cursor{}, fmt.Errorf("%w: version %.20q", errCursor, version)
	}
	var n [9]uint64
	for i := range n {
		field, after, ok := strings.Cut(rest, " ")
		v, err := strconv.ParseUint(field, 16, 64)
		if !ok || err != nil || strconv.FormatUint(v, 16) != field {
			return cursor{}, fmt.Errorf("%w: field %d: %.20q", errCursor, i+2, field)
		}
		n[i], rest = v, after
	}
	c := cursor{id: identity{n[0], n[1]}, epoch: n[4], mtime: int64(n[7]), whole: int64(n[8])}
	if n[2] > printMax || n[5] > 1<<62 || n[8] > 1<<62 {
		return cursor{}, fmt.Errorf("%w: length %x, offset %x or size %x out of range", errCursor, n[2], n[5], n[8])
	}
	c.mark = mark{print: print{int(n[2]), n[3]}, offset: int64(n[5]), anchor: n[6]}
	var second bool
	c.path, c.real, second = strings.Cut(rest, "\x00")
	if c.path == "" || second && c.real == "" || strings.Contains(c.real, "\x00") {
		return cursor{}, fmt.Errorf("%w: path %.40q", errCursor, rest)
	}
	return c, nil
}

// where is the last known place of the file.
func (c *cursor) where() string {
	if c.real != "" {
		return c.real
	}
	return c.path
}
