package tail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/logferry/logferry/source/record"
)

// A cursor says how far a file has been read and how to recognise that file.
// Its text form is kept in checkpoints:
//
//	2 DEV INO PRINTLEN PRINTHASH EPOCH OFFSET ANCHOR MTIME WHOLE PATH [NUL REAL]
//	3 DEV INO PRINTLEN PRINTHASH EPOCH OFFSET ANCHOR MTIME WHOLE STREAM UNTIL PATH [NUL REAL]
//
// with all numbers in lower-case hexadecimal, without leading zeros. The first
// field is the version: 3 if something is passed, 2 if not.
type cursor struct {
	id identity
	mark
	passed
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

// passed are lines behind a position that were delivered already: those of
// skip that begin before until. The outputs of a container share a file, and
// while a record of one is open, those of the other go on.
type passed struct {
	skip  record.Stream // record.None: no lines
	until int64         // behind the position
}

// offsetMax bounds offsets, so that sums of them do not overflow.
const offsetMax = 1 << 62

var errCursor = errors.New("not a cursor of this package")

// append appends c's text form to dst.
func (c *cursor) append(dst []byte) []byte {
	numbers := [...]uint64{
		c.id.dev, c.id.ino, uint64(c.print.n), c.print.hash, c.epoch, uint64(c.offset), c.anchor,
		uint64(c.mtime), uint64(c.whole), uint64(c.skip), uint64(c.until),
	}
	version, n := byte('3'), len(numbers)
	if c.skip == record.None {
		version, n = '2', n-2
	}
	dst = append(dst, version)
	for _, v := range numbers[:n] {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, v, 16)
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
	var n [11]uint64
	fields := len(n)
	switch version {
	case "2":
		fields -= 2
	case "3":
	default:
		return cursor{}, fmt.Errorf("%w: version %.20q", errCursor, version)
	}
	var digits [16]byte
	for i := range n[:fields] {
		field, after, ok := strings.Cut(rest, " ")
		v, err := strconv.ParseUint(field, 16, 64)
		if !ok || err != nil || string(strconv.AppendUint(digits[:0], v, 16)) != field {
			return cursor{}, fmt.Errorf("%w: field %d: %.20q", errCursor, i+2, field)
		}
		n[i], rest = v, after
	}
	c := cursor{id: identity{n[0], n[1]}, epoch: n[4], mtime: int64(n[7]), whole: int64(n[8])}
	if n[2] > printMax || n[5] > offsetMax || n[8] > offsetMax {
		return cursor{}, fmt.Errorf("%w: length %x, offset %x or size %x out of range", errCursor, n[2], n[5], n[8])
	}
	if version == "3" {
		if n[9] != uint64(record.Stdout) && n[9] != uint64(record.Stderr) || n[10] <= n[5] || n[10] > offsetMax {
			return cursor{}, fmt.Errorf("%w: stream %x passed until %x out of range", errCursor, n[9], n[10])
		}
		c.passed = passed{record.Stream(n[9]), int64(n[10])}
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
