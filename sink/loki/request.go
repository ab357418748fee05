package loki

import (
	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/batch"
)

// encode appends to dst a PushRequest with the entries of b that idx names, as many of them as fit into limit bytes, but
// one at least. It returns the result and their number. dst must be empty and is not reallocated if it has room for
// limit, or for the one entry.
func encode(dst []byte, st *stream, b *batch.Batch, idx []int32, limit int) ([]byte, int) {
	// What comes first in a request is the length of what follows. Room for it is left in front and filled from its end.
	head := len(dst) + maxHead
	dst = append(dst, make([]byte, maxHead)...)
	dst = append(dst, st.labels...)
	n := 0
	for _, i := range idx {
		e := &b.Entries[i]
		at := stampOf(e.Time)
		size := entrySize(e, at)
		if n > 0 && fieldSize(len(dst)-head+fieldSize(size)) > limit {
			break
		}
		dst = appendEntry(dst, e, at, size)
		n++
	}
	length := len(dst) - head
	start := head - 1 - varintSize(uint64(length))
	appendHead(dst[:start], tagStreams, length)
	return dst[start:], n
}

// requestSize is the size of a request with nothing but e.
func requestSize(st *stream, e *batch.Entry) int {
	return fieldSize(len(st.labels) + fieldSize(entrySize(e, stampOf(e.Time))))
}

// A request is an encoded and compressed push of the first n of the entries it was made of.
type request struct {
	wire *buffer
	n    int
	raw  int // bytes before compression
}

// build makes a request of at most limit bytes before compression. The caller releases its wire.
func (s *Sink) build(st *stream, b *batch.Batch, idx []int32, limit int) request {
	raw := s.raws.take(maxHead + max(limit, requestSize(st, &b.Entries[idx[0]])))
	msg, n := encode(raw.b, st, b, idx, limit)
	wire := s.wires.take(s2.MaxEncodedLen(len(msg)))
	// The plain snappy block format, at s2's speed: klauspost's own snappy package compresses at a slower level.
	wire.b = s2.EncodeSnappy(wire.b[:cap(wire.b)], msg)
	raw.release()
	return request{wire: wire, n: n, raw: len(msg)}
}
