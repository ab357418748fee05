package container

import (
	"math"

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
