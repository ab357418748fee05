package loki

import (
	"math/bits"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/batch"
)

// The messages of github.com/grafana/loki/pkg/push, push.proto, and the tags of their fields. All but the two of
// Timestamp, which are varints, are length-delimited. As in proto3, an empty field is left out, except where gogoproto's
// nullable=false has it written regardless.
//
//	PushRequest      streams 1
//	StreamAdapter    labels 1, entries 2 (nullable=false)
//	EntryAdapter     timestamp 1 (nullable=false), line 2, structuredMetadata 3 (nullable=false)
//	LabelPairAdapter name 1, value 2
//	Timestamp        seconds 1, nanos 2
const (
	tagStreams      = 1<<3 | 2
	tagStreamLabels = 1<<3 | 2
	tagEntries      = 2<<3 | 2
	tagTimestamp    = 1<<3 | 2
	tagLine         = 2<<3 | 2
	tagMetadata     = 3<<3 | 2
	tagName         = 1<<3 | 2
	tagValue        = 2<<3 | 2
	tagSeconds      = 1 << 3
	tagNanos        = 2 << 3
)

// maxHead is the size of the largest tag and length that occur.
const maxHead = 1 + 5

// varintSize is how many bytes appendVarint appends: one for every seven bits, in a form without a division.
func varintSize(v uint64) int { return (9*bits.Len64(v|1) + 64) / 64 }

func appendVarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// fieldSize is the size of a length-delimited field of n bytes.
func fieldSize(n int) int { return 1 + varintSize(uint64(n)) + n }

// optionalSize is fieldSize of a field that is left out when empty.
func optionalSize(n int) int {
	if n == 0 {
		return 0
	}
	return fieldSize(n)
}

func appendHead(dst []byte, tag byte, n int) []byte {
	return appendVarint(append(dst, tag), uint64(n))
}

// A stamp is a Timestamp taken apart, which is done once per entry.
type stamp struct {
	secs, nanos uint64
	size        int // of the message
}

func stampOf(t time.Time) stamp {
	s := stamp{secs: uint64(t.Unix()), nanos: uint64(t.Nanosecond())}
	if s.secs != 0 {
		s.size = 1 + varintSize(s.secs)
	}
	if s.nanos != 0 {
		s.size += 1 + varintSize(s.nanos)
	}
	return s
}

// protobufCodec makes a PushRequest. Its streams may simply follow one another.
type protobufCodec struct{}

func (protobufCodec) contentType() string     { return "application/x-protobuf" }
func (protobufCodec) contentEncoding() string { return "" } // that it is snappy goes without saying

func (protobufCodec) labels(dst []byte, l batch.Labels) []byte {
	text := lokiLabels(l)
	return append(appendHead(dst, tagStreamLabels, len(text)), text...)
}

func (protobufCodec) attrs(dst []byte, moved []batch.Attr) []byte {
	for i := range moved {
		dst = appendPair(dst, &moved[i])
	}
	return dst
}

func (protobufCodec) stream(dst []byte, m *mapping, w *draft, idx []int32, limit int) ([]byte, int) {
	// What comes first is the length of what follows. Room for it is left in front and filled from its end.
	before := len(dst)
	dst = append(dst, make([]byte, maxHead)...)
	head := len(dst)
	dst = append(dst, m.labels...)
	n := 0
	for _, i := range idx {
		at := stampOf(w.time(i))
		size := entrySize(m, w, i, at)
		if (n > 0 || before > 0) && before+fieldSize(len(dst)-head+fieldSize(size)) > limit {
			break
		}
		dst = appendEntry(dst, m, w, i, at, size)
		n++
	}
	if n == 0 {
		return dst[:before], 0
	}
	length := len(dst) - head
	start := head - 1 - varintSize(uint64(length))
	appendHead(dst[:start], tagStreams, length)
	if before == 0 {
		return dst[start:], n
	}
	return append(dst[:before], dst[start:]...), n
}

func (protobufCodec) end(dst []byte) []byte { return dst }

func (protobufCodec) room(m *mapping, w *draft, i int32) int {
	return maxHead + len(m.labels) + fieldSize(entrySize(m, w, i, stampOf(w.time(i))))
}

// compress makes the plain snappy block format, at s2's speed: klauspost's own snappy package compresses at a slower
// level.
func (protobufCodec) compress(wire *buffer, raw []byte) {
	wire.reserve(s2.MaxEncodedLen(len(raw)))
	wire.b = s2.EncodeSnappy(wire.b[:cap(wire.b)], raw)
}

// originalSize is that of the attribute originalTime.
const originalSize = 2 + 2 + len(originalTime) + 2 + len(originalLayout)

// entrySize is the size of entry i, which goes out with the time at, as an EntryAdapter, without tag and length.
func entrySize(m *mapping, w *draft, i int32, at stamp) int {
	n := 2 + at.size + optionalSize(len(w.entry(i).Line)) + len(m.attrs)
	if w.original(i) {
		n += originalSize
	}
	attrs := w.attrs(i)
	for k := range attrs {
		n += fieldSize(pairSize(&attrs[k]))
	}
	return n
}

func pairSize(a *batch.Attr) int {
	return optionalSize(nameSize(a.Key)) + optionalSize(len(a.Value))
}

// appendEntry appends entry i, whose entrySize is size, as an entry of a StreamAdapter. Of equal names Loki keeps the
// last, so an entry's own attributes come last.
func appendEntry(dst []byte, m *mapping, w *draft, i int32, at stamp, size int) []byte {
	dst = appendHead(dst, tagEntries, size)
	dst = append(dst, tagTimestamp, byte(at.size))
	if at.secs != 0 {
		dst = appendVarint(append(dst, tagSeconds), at.secs)
	}
	if at.nanos != 0 {
		dst = appendVarint(append(dst, tagNanos), at.nanos)
	}
	if line := w.entry(i).Line; len(line) > 0 {
		dst = appendHead(dst, tagLine, len(line))
		dst = append(dst, line...)
	}
	dst = append(dst, m.attrs...)
	if w.original(i) {
		dst = w.appendOriginalPair(dst, i)
	}
	attrs := w.attrs(i)
	for k := range attrs {
		dst = appendPair(dst, &attrs[k])
	}
	return dst
}

func (w *draft) appendOriginalPair(dst []byte, i int32) []byte {
	dst = append(dst, tagMetadata, byte(originalSize-2), tagName, byte(len(originalTime)))
	dst = append(dst, originalTime...)
	dst = append(dst, tagValue, byte(len(originalLayout)))
	return w.appendOriginal(dst, i)
}

func appendPair(dst []byte, a *batch.Attr) []byte {
	dst = appendHead(dst, tagMetadata, pairSize(a))
	dst = appendHead(dst, tagName, nameSize(a.Key)) // a name is never empty
	dst = appendName(dst, a.Key)
	if len(a.Value) > 0 {
		dst = appendHead(dst, tagValue, len(a.Value))
		dst = append(dst, a.Value...)
	}
	return dst
}
