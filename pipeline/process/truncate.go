package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
)

// A TruncateConfig says how long a line may be. The zero TruncateConfig cuts what a
// Loki with default limits would refuse.
type TruncateConfig struct {
	// MaxBytes is how many bytes a line has at most, the marker included: 256 KiB,
	// Loki's max_line_size.
	MaxBytes int
	// Marker stands at the end of a line that was cut: "…[truncated]".
	Marker string
	// MaxAttrBytes is how many bytes the value of an attribute has at most, the
	// marker included. Zero: any number.
	MaxAttrBytes int
}

const (
	defaultMaxLine = 256 << 10
	defaultMarker  = "…[truncated]"
)

// OriginalBytes is the key of the attribute with the number of bytes that a line
// had before it was cut.
const OriginalBytes = "original_bytes"

// A Truncater cuts lines that are too long, never within a character, and notes how
// long they were in the attribute [OriginalBytes]. [Truncate] makes one; all
// methods may be called concurrently.
type Truncater struct {
	cfg          TruncateConfig
	lines, attrs atomic.Int64
}

// Truncate returns a Truncater. Its error names each field that makes no sense.
func Truncate(cfg TruncateConfig) (*Truncater, error) {
	errs := notNegative("Truncate", number{"MaxBytes", cfg.MaxBytes}, number{"MaxAttrBytes", cfg.MaxAttrBytes})
	cfg.MaxBytes, cfg.Marker = cmp.Or(cfg.MaxBytes, defaultMaxLine), cmp.Or(cfg.Marker, defaultMarker)
	if !utf8.ValidString(cfg.Marker) {
		errs = append(errs, fmt.Errorf("process: Truncate: Marker: %q is not UTF-8", cfg.Marker))
	}
	for _, most := range []number{{"MaxBytes", cfg.MaxBytes}, {"MaxAttrBytes", cfg.MaxAttrBytes}} {
		if most.value > 0 && most.value < len(cfg.Marker)+utf8.UTFMax {
			errs = append(errs, fmt.Errorf("process: Truncate: %s: %d has no room for the marker", most.name, most.value))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Truncater{cfg: cfg}, nil
}

// Process is that of pipeline.Processor.
func (t *Truncater) Process(_ context.Context, b *batch.Batch) error {
	var lines, attrs int64
	for i := range b.Entries {
		e := &b.Entries[i]
		if t.cfg.MaxAttrBytes > 0 {
			attrs += int64(rewriteAttrs(b, e, t.cutAttr))
		}
		if n := len(e.Line); n > t.cfg.MaxBytes {
			head := record.Cut(e.Line, t.cfg.MaxBytes-len(t.cfg.Marker))
			e.Line = append(append(b.Buffer(len(head) + len(t.cfg.Marker))[:0], head...), t.cfg.Marker...)
			addAttrs(b, e, batch.Attr{Key: OriginalBytes, Value: strconv.Itoa(n)})
			lines++
		}
	}
	count(&t.lines, lines)
	count(&t.attrs, attrs)
	return nil
}

// cutAttr cuts the value of an attribute, if it is too long.
func (t *Truncater) cutAttr(a *batch.Attr) (string, bool) {
	if len(a.Value) <= t.cfg.MaxAttrBytes {
		return "", false
	}
	return string(record.Cut([]byte(a.Value), t.cfg.MaxAttrBytes-len(t.cfg.Marker))) + t.cfg.Marker, true
}

// TruncateStats count since the Truncater was made.
type TruncateStats struct {
	Lines int64 // were cut
	Attrs int64 // values of attributes were
}

// Stats returns the counters.
func (t *Truncater) Stats() TruncateStats {
	return TruncateStats{Lines: t.lines.Load(), Attrs: t.attrs.Load()}
}
