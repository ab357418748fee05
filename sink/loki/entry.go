package loki

import (
	"errors"
	"fmt"
	"math"
	"time"

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

// checkEntry returns why Loki would refuse entry i, as a permanent error.
func checkEntry(m *mapping, w *draft, i int32, maxLine int) error {
	e := w.entry(i)
	if n := w.lineSize(i); n > maxLine {
		return sink.Permanent(fmt.Errorf("loki: line of %d bytes: limit %d", n, maxLine))
	}
	if s := e.Time.Unix(); s < minSecond || s > maxSecond {
		if e.Time.IsZero() {
			return sink.Permanent(errNoTime)
		}
		return sink.Permanent(fmt.Errorf("loki: time %v: not within 64 bits of nanoseconds", e.Time))
	}
	return checkAttrs(m, w, i)
}

func checkAttrs(m *mapping, w *draft, i int32) error {
	if len(m.moved) == 0 && len(w.attrs(i)) == 0 {
		return nil
	}
	n, size := w.countAttrs(m, i)
	if n > maxAttrs {
		return sink.Permanent(fmt.Errorf("loki: %d attributes: limit %d", n, maxAttrs))
	}
	if size > maxAttrsBytes {
		return sink.Permanent(fmt.Errorf("loki: attributes of %d bytes: limit %d", size, maxAttrsBytes))
	}
	return nil
}
