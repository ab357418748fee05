package lokitest

import (
	"strconv"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
)

// A flaw is what makes an entry one that must be refused.
type flaw struct {
	name   string
	reason string // occurs in the text it is refused with
	spoil  func(s *script, e *batch.Entry, n int)
}

const (
	tooOld = iota
	tooNew
	tooFarBehind
	tooLong
	tooManyAttrs
	tooLargeAttrs
)

// flaws are those that Loki's default limits know of an entry.
var flaws = [...]flaw{
	tooOld: {"too old", "has timestamp too old", func(_ *script, e *batch.Entry, _ int) {
		e.Time = e.Time.AddDate(0, 0, -8)
	}},
	tooNew: {"too new", "has timestamp too new", func(_ *script, e *batch.Entry, _ int) {
		e.Time = e.Time.AddDate(0, 0, 2)
	}},
	tooFarBehind: {"too far behind", "entry too far behind", func(_ *script, e *batch.Entry, _ int) {
		e.Time = e.Time.Add(-2 * time.Hour)
	}},
	tooLong: {"too long", "line of 262145 bytes", func(s *script, e *batch.Entry, n int) {
		e.Line = s.fill(e.Line, 256<<10+1, n)
	}},
	tooManyAttrs: {"too many attributes", "129 attributes", func(_ *script, e *batch.Entry, _ int) {
		e.Attrs = nil
		for i := range 129 {
			e.Attrs = append(e.Attrs, batch.Attr{Key: "a" + strconv.Itoa(i), Value: "1"})
		}
	}},
	tooLargeAttrs: {"too large attributes", "attributes of 65537 bytes", func(_ *script, e *batch.Entry, _ int) {
		e.Attrs = []batch.Attr{{Key: "a", Value: strings.Repeat("x", 64<<10)}}
	}},
}
