package process

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/jsonscan"
)

// A LogfmtConfig says which fields of lines in logfmt are taken. The zero
// LogfmtConfig takes all of them as attributes. A field is named by its key.
type LogfmtConfig struct {
	// Labels and Attrs are fields that become labels and attributes, by the names they
	// get, as in [JSONConfig]. With neither, all fields become attributes, with _ in
	// place of what a name cannot have.
	Labels map[string]string
	Attrs  map[string]string
	// MaxFields, MaxValue and MaxLabelSets are as in [JSONConfig].
	MaxFields    int
	MaxValue     int
	MaxLabelSets int
}

// A LogfmtParser takes fields out of lines in logfmt, which is what Go services
// write as often as JSON:
//
//	level=info msg="a b" took=5ms
//
// A field is key=value, with a key of letters, digits and any of _.-/:@; other
// words are passed over, so that fields are found behind text as well. A value in
// double quotes may hold spaces, and the escapes of JSON. What is empty counts as
// missing, and if a field comes twice, the last one counts. Lines without a field,
// and those with a quote that is not closed, pass as they are and are counted.
// [Logfmt] makes one; all methods may be called concurrently.
type LogfmtParser struct{ x extractor }

// Logfmt returns a LogfmtParser. Its error joins one for each field of cfg that
// makes no sense.
func Logfmt(cfg LogfmtConfig) (*LogfmtParser, error) {
	f := fields{cfg.Labels, cfg.Attrs, cfg.MaxFields, cfg.MaxValue, cfg.MaxLabelSets}
	p, err := f.plan("Logfmt", func(key string) error {
		if key == "" || keyLen([]byte(key)) < len(key) {
			return fmt.Errorf("%q cannot be a key: want letters, digits and any of _.-/:@, not starting with a digit", key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l := &LogfmtParser{}
	l.x.setUp(p, logfmtFinder{p})
	return l, nil
}

// Process is that of pipeline.Processor.
func (l *LogfmtParser) Process(_ context.Context, b *batch.Batch) error {
	l.x.process(b)
	return nil
}

// Stats returns the counters.
func (l *LogfmtParser) Stats() ParseStats { return l.x.stats() }

// A logfmtFinder finds fields in logfmt.
type logfmtFinder struct{ *plan }

func (p logfmtFinder) find(line []byte, f *findings) bool {
	w := logfmtWalk{rest: line}
	some := false
	for {
		key, v, state := w.next()
		switch state {
		case logfmtEnd:
			return some
		case logfmtBroken:
			return false
		}
		some = true
		if p.all {
			f.extend(0, key)
			f.add(p.plan, v)
			continue
		}
		for k := range p.named {
			if p.named[k].field == string(key) {
				f.values[k] = v
			}
		}
	}
}

// A logfmtWalk is a walk through one line.
type logfmtWalk struct{ rest []byte }

type logfmtState uint8

const (
	logfmtField  logfmtState = iota
	logfmtEnd                // there is no other field
	logfmtBroken             // a quote is not closed
)

// next finds the next field.
func (w *logfmtWalk) next() (key []byte, v value, state logfmtState) {
	for {
		n := keyLen(w.rest)
		switch {
		case n == len(w.rest):
			return nil, value{}, logfmtEnd
		case n > 0 && w.rest[n] == '=':
			key, w.rest = w.rest[:n], w.rest[n+1:]
			v, ok := w.value()
			if !ok {
				return nil, value{}, logfmtBroken
			}
			return key, v, logfmtField
		case w.rest[n] > ' ':
			w.word()
		default:
			w.rest = w.rest[n+1:]
		}
	}
}

// word takes what comes before white space or a control character.
func (w *logfmtWalk) word() []byte {
	for n, c := range w.rest {
		if c <= ' ' {
			word := w.rest[:n]
			w.rest = w.rest[n:]
			return word
		}
	}
	word := w.rest
	w.rest = nil
	return word
}

// keyLen is the length of the key that text begins with. Bytes beyond ASCII are
// letters.
func keyLen(text []byte) int {
	for i, c := range text {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', c == '@', c >= 0x80:
		case i > 0 && '-' <= c && c <= ':': // - . / digits :
		default:
			return i
		}
	}
	return len(text)
}

// value takes the value that comes next.
func (w *logfmtWalk) value() (value, bool) {
	if len(w.rest) > 0 && w.rest[0] == '"' {
		s := jsonscan.Scan{Rest: w.rest}
		text, ok := s.Quoted()
		w.rest = s.Rest
		return value{text, true}, ok
	}
	return value{text: w.word()}, true
}
