package nxtail

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A cursor says how far a file has been read and how to recognise that file. Its
// text form is kept in checkpoints:
//
//	1 DEV INO OFFSET ANCHORLEN ANCHORHASH
//
// with all numbers in lower-case hexadecimal, without leading zeros.
type cursor struct {
	id     identity
	offset int64 // behind the last line delivered, its newline included
	anchor anchor
}

// An anchor is the bytes right before an offset. A file's number is given to
// the next one that is created once it is deleted, and truncation leaves it as it
// is: only the content tells.
type anchor struct {
	n    int
	hash uint64
}

// anchorMax is the most bytes an anchor stands for.
const anchorMax = 64

// anchorOf takes the last bytes of b.
func anchorOf(b []byte) anchor {
	b = b[max(0, len(b)-anchorMax):]
	h := fnv.New64a()
	h.Write(b) // never fails
	return anchor{len(b), h.Sum64()}
}

// anchorBehind is the anchor behind a line that was read without its newline.
func anchorBehind(line string) anchor {
	line = line[max(0, len(line)-anchorMax+1):]
	return anchorOf(append([]byte(line), '\n'))
}

func (c cursor) String() string {
	return fmt.Sprintf("1 %x %x %x %x %x", c.id.dev, c.id.ino, c.offset, c.anchor.n, c.anchor.hash)
}

var errCursor = errors.New("not a cursor of this package")

// parseCursor is strict: what it accepts is what String writes.
func parseCursor(s string) (cursor, error) {
	fields := strings.Split(s, " ")
	var n [5]uint64
	if fields[0] != "1" || len(fields) != 1+len(n) {
		return cursor{}, fmt.Errorf("%w: %.80q", errCursor, s)
	}
	for i := range n {
		v, err := strconv.ParseUint(fields[i+1], 16, 64)
		if err != nil {
			return cursor{}, fmt.Errorf("%w: field %d of %.80q", errCursor, i+2, s)
		}
		n[i] = v
	}
	if n[3] == 0 || n[3] > anchorMax || n[2] < n[3] || n[2] > 1<<62 {
		return cursor{}, fmt.Errorf("%w: offset or length out of range in %.80q", errCursor, s)
	}
	c := cursor{identity{n[0], n[1]}, int64(n[2]), anchor{int(n[3]), n[4]}}
	if c.String() != s {
		return cursor{}, fmt.Errorf("%w: %.80q is not as it was written", errCursor, s)
	}
	return c, nil
}
