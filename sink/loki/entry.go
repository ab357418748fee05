package loki

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// Loki's defaults: max_structured_metadata_entries_count, max_structured_metadata_size.
const (
	maxAttrs      = 128
	maxAttrsBytes = 64 << 10
)

// Loki counts time in 64 bits of nanoseconds, and what does not fit wraps around. These are the first and the last
// second all of which fits.
const (
	minSecond = math.MinInt64/int64(time.Second) + 1
	maxSecond = math.MaxInt64/int64(time.Second) - 1
)

var errNoTime = errors.New("loki: entry has no time")

// checkEntry returns why Loki would refuse e, as a permanent error.
func checkEntry(e *batch.Entry, maxLine int) error {
	if len(e.Line) > maxLine {
		return sink.Permanent(fmt.Errorf("loki: line of %d bytes: limit %d", len(e.Line), maxLine))
	}
	if s := e.Time.Unix(); s < minSecond || s > maxSecond {
		if e.Time.IsZero() {
			return sink.Permanent(errNoTime)
		}
		return sink.Permanent(fmt.Errorf("loki: time %v: not within 64 bits of nanoseconds", e.Time))
	}
	if len(e.Attrs) == 0 {
		return nil
	}
	if len(e.Attrs) > maxAttrs {
		return sink.Permanent(fmt.Errorf("loki: %d attributes: limit %d", len(e.Attrs), maxAttrs))
	}
	if n := attrsBytes(e.Attrs); n > maxAttrsBytes {
		return sink.Permanent(fmt.Errorf("loki: attributes of %d bytes: limit %d", n, maxAttrsBytes))
	}
	return nil
}

// attrsBytes is the size of attrs as Loki reckons it: all names, as they are sent, and values.
func attrsBytes(attrs []batch.Attr) int {
	n := 0
	for i := range attrs {
		n += nameSize(attrs[i].Key) + len(attrs[i].Value)
	}
	return n
}
