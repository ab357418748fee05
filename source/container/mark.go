package container

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/logferry/logferry/source/record"
)

// A mark is what a message of a log is recognised by when the log is read
// again. Times alone do not do: messages share them, pieces of a line always
// do, and they are not in order. The zero mark is that of no message.
type mark struct {
	time int64
	out  record.Stream
	nth  int    // among messages of that output and time that follow one another
	sum  uint64 // of what it says
}

// A marker makes the marks of messages that are read in order.
type marker struct {
	runs [3]struct {
		time  int64
		n     int
		begun bool // its first message was read
		any   bool
	}
	low int64 // the earliest time that was read
}

// newMarker returns a marker for messages that begin with the first of the
// log, if whole is set, and anywhere otherwise.
func newMarker(whole bool) *marker {
	m := &marker{low: math.MaxInt64}
	for i := range m.runs {
		m.runs[i].begun = whole
	}
	return m
}

// mark returns the mark of the next message. It is not sure while messages of
// the same output and time may have come before the first one that was read.
// One with an earlier time was written before all of them.
func (m *marker) mark(f *frame) (k mark, sure bool) {
	r := &m.runs[f.out]
	if r.any && r.time != f.time {
		r.n, r.begun = 0, true
	}
	if m.low < f.time && !r.any {
		r.begun = true
	}
	m.low = min(m.low, f.time)
	r.any, r.time = true, f.time
	k = mark{time: f.time, out: f.out, nth: r.n, sum: sum(f.data)}
	r.n++
	return k, r.begun
}

// sumEnds is how much of both ends of a message goes into its sum.
const sumEnds = 32

// sum is FNV-1a (RFC 9923) of the ends of a message and its length. Cursors
// hold it, so it never changes.
func sum(data []byte) uint64 {
	n := len(data)
	if n <= 2*sumEnds {
		return fnv1a(fnvBasis, data)
	}
	h := fnv1a(fnv1a(fnvBasis, data[:sumEnds]), data[n-sumEnds:])
	size := [...]byte{byte(n), byte(n >> 8), byte(n >> 16)}
	return fnv1a(h, size[:])
}

const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 0x00000100000001b3
)

// fnv1a goes on with the hash h. Package hash/fnv has it behind an interface,
// through which what is hashed escapes, for each message.
func fnv1a(h uint64, data []byte) uint64 {
	for _, c := range data {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}

// A position is where a log has been delivered up to: all messages up to after,
// and of the output skip those up to until as well. The zero position is the
// beginning.
type position struct {
	after mark
	skip  record.Stream // record.None: no more
	until mark
}

// start reports whether p is the beginning.
func (p *position) start() bool { return p.after == mark{} }

// A cursor is the text of a position:
//
//	1 TIME OUT NTH SUM [OUT TIME NTH SUM]
//
// with numbers in lower-case hexadecimal; the first field is the version. The
// second message is that of until.
const (
	cursorVersion = "1"
	cursorFields  = 5
	skipFields    = cursorFields + 4
)

func (p *position) append(dst []byte) []byte {
	dst = append(dst, cursorVersion...)
	dst = appendNumbers(dst, uint64(p.after.time), uint64(p.after.out), uint64(p.after.nth), p.after.sum)
	if p.skip != record.None {
		dst = appendNumbers(dst, uint64(p.skip), uint64(p.until.time), uint64(p.until.nth), p.until.sum)
	}
	return dst
}

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, v := range numbers {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, v, 16)
	}
	return dst
}

var errCursor = errors.New("not a cursor of this package")

// parsePosition reads the text of a cursor; "" is the beginning.
func parsePosition(text string) (position, error) {
	var p position
	if text == "" {
		return p, nil
	}
	fields := strings.Split(text, " ")
	if fields[0] != cursorVersion || len(fields) != cursorFields && len(fields) != skipFields {
		return p, fmt.Errorf("%w: %.40q", errCursor, text)
	}
	var n [skipFields - 1]uint64
	for i, f := range fields[1:] {
		v, err := strconv.ParseUint(f, 16, 64)
		if err != nil {
			return p, fmt.Errorf("%w: %.40q", errCursor, text)
		}
		n[i] = v
	}
	p.after = mark{time: int64(n[0]), out: record.Stream(n[1]), nth: int(n[2]), sum: n[3]}
	if len(fields) == skipFields {
		p.skip = record.Stream(n[4])
		p.until = mark{time: int64(n[5]), out: p.skip, nth: int(n[6]), sum: n[7]}
	}
	if p.after.out > record.Stderr || p.skip > record.Stderr || string(p.append(nil)) != text {
		return position{}, fmt.Errorf("%w: %.40q", errCursor, text)
	}
	return p, nil
}
