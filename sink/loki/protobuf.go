package loki

import (
	"math/bits"
	"time"

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

// entrySize is the size of e, which is of the time at, as an EntryAdapter, without tag and length.
func entrySize(e *batch.Entry, at stamp) int {
	n := 2 + at.size + optionalSize(len(e.Line))
	for i := range e.Attrs {
		n += fieldSize(pairSize(&e.Attrs[i]))
	}
	return n
}

func pairSize(a *batch.Attr) int {
	return optionalSize(nameSize(a.Key)) + optionalSize(len(a.Value))
}

// appendEntry appends e, whose entrySize is size, as an entry of a StreamAdapter.
func appendEntry(dst []byte, e *batch.Entry, at stamp, size int) []byte {
	dst = appendHead(dst, tagEntries, size)
	dst = append(dst, tagTimestamp, byte(at.size))
	if at.secs != 0 {
		dst = appendVarint(append(dst, tagSeconds), at.secs)
	}
	if at.nanos != 0 {
		dst = appendVarint(append(dst, tagNanos), at.nanos)
	}
	if len(e.Line) > 0 {
		dst = appendHead(dst, tagLine, len(e.Line))
		dst = append(dst, e.Line...)
	}
	for i := range e.Attrs {
		dst = appendPair(dst, &e.Attrs[i])
	}
	return dst
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
