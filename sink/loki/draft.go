package loki

import (
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

// A draft is a batch as it goes out.
type draft struct {
	b    *batch.Batch
	bare bool // without attributes
	utf8 bool // what is not UTF-8 goes out as U+FFFD

	// sent has what becomes of the entries' times, by index. It is nil if nothing does.
	sent []sentTime
}

// A sentTime is the time with which an entry goes out. The zero sentTime stands for the entry's own.
type sentTime struct {
	at      time.Time
	clamped bool // the entry's own goes along as an attribute
	told    int8 // how often it was clamped because Loki refused another one
}

// of returns the time itself, for an entry whose own is given.
func (s sentTime) of(own time.Time) time.Time {
	if s.at.IsZero() {
		return own
	}
	return s.at
}

// originalTime names the attribute with the time of an entry that is sent with another one.
const originalTime = "original_time"

// originalLayout is that of its value, in UTC: always of the same length.
const originalLayout = "2006-01-02T15:04:05.000000000Z"

func (w *draft) entry(i int32) *batch.Entry { return &w.b.Entries[i] }

// own returns the time of entry i. What counts is what Loki is told, the time of the clock on the wall: by the monotonic
// one, which time.Now adds and comparisons prefer, entries are in another order if the clock was set.
func (w *draft) own(i int32) time.Time { return w.b.Entries[i].Time.Round(0) }

// wall is time without a monotonic clock, for what compares. Codecs, which do not, are spared the cost.
func (w *draft) wall(i int32) time.Time { return w.time(i).Round(0) }

// time returns the time that entry i is sent with.
func (w *draft) time(i int32) time.Time {
	own := w.b.Entries[i].Time
	if w.sent == nil {
		return own
	}
	return w.sent[i].of(own)
}

// inOrder reports whether none of the entries idx is sent with an older time than the one before it.
func (w *draft) inOrder(idx []int32) bool {
	last := int64(math.MinInt64)
	for _, i := range idx {
		at := w.time(i).UnixNano() // which is of the wall, too, and cheaper
		if at < last {
			return false
		}
		last = at
	}
	return true
}

// lineSize is how many bytes of a line Loki gets of entry i.
func (w *draft) lineSize(i int32) int { return textSize(w.b.Entries[i].Line, w.utf8) }

// attrs returns the attributes of its own that entry i is sent with.
func (w *draft) attrs(i int32) []batch.Attr {
	if w.bare {
		return nil
	}
	return w.b.Entries[i].Attrs
}

// original reports whether entry i is sent with originalTime.
func (w *draft) original(i int32) bool { return w.sent != nil && w.sent[i].clamped && !w.bare }

// appendOriginal appends the value of originalTime.
func (w *draft) appendOriginal(dst []byte, i int32) []byte {
	return w.b.Entries[i].Time.UTC().AppendFormat(dst, originalLayout)
}

// countAttrs returns how many attributes entry i is sent with, and their size as Loki reckons it: all names, as they
// are sent, and values.
func (w *draft) countAttrs(m *mapping, i int32) (n, size int) {
	own := w.attrs(i)
	n, size = len(m.moved)+len(own), m.movedSize
	for k := range own {
		size += nameSize(own[k].Key) + textSize(own[k].Value, w.utf8)
	}
	if w.original(i) {
		n++
		size += len(originalTime) + len(originalLayout)
	}
	return n, size
}
