package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// An EscapeConfig says what may stand in a line as it is. The zero EscapeConfig makes
// of an entry one line of valid UTF-8 that a terminal can be trusted with.
type EscapeConfig struct {
	// Keep are control characters that stay: "" keeps the tab, "\t\n" lets an entry
	// be of several lines.
	Keep string
	// StripANSI removes the escape sequences of terminals, such as colours, in
	// place of escaping their first character.
	StripANSI bool
}

// An Escaper writes control characters as \n, \r, \x1b or \u202e: those of ASCII,
// the others of Unicode, and the marks that have text run backwards (category Cc,
// and the bidirectional formatting characters of UAX #9). Bytes that are not UTF-8
// become \xff. A sink that ends entries with a line feed, and people who look at a
// terminal, then see an entry for what it is. Values of attributes are treated like
// lines. [Escape] makes one; all methods may be called concurrently.
//
// A backslash stays as it is: what is escaped cannot be told from a line that had it
// written like that.
type Escaper struct {
	fine  [256]bool // bytes that stay, without a look at those around
	strip bool
	keep  string

	entries atomic.Int64
}

// Escape returns an Escaper. Its error names each field that makes no sense.
func Escape(cfg EscapeConfig) (*Escaper, error) {
	var errs []error
	for _, c := range cfg.Keep {
		if !isControl(c) || c == utf8.RuneError {
			errs = append(errs, fmt.Errorf("process: Escape: Keep: %q is no control character", c))
		}
	}
	if cfg.StripANSI && strings.ContainsAny(cfg.Keep, "\x1b\u009b") {
		errs = append(errs, errors.New("process: Escape: Keep: has what StripANSI removes"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cfg.Keep == "" {
		cfg.Keep = "\t"
	}
	x := &Escaper{strip: cfg.StripANSI, keep: cfg.Keep}
	for c := range rune(utf8.RuneSelf) {
		x.fine[c] = x.stays(c)
	}
	return x, nil
}

func (x *Escaper) stays(c rune) bool { return !isControl(c) || strings.ContainsRune(x.keep, c) }

// isControl reports whether c changes more than the place where it stands.
func isControl(c rune) bool {
	return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x061c || c >= 0x200e && c <= 0x200f ||
		c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069
}

// Process is that of pipeline.Processor.
func (x *Escaper) Process(_ context.Context, b *batch.Batch) error {
	var entries int64
	for i := range b.Entries {
		e := &b.Entries[i]
		line := x.line(b, e)
		if rewriteAttrs(b, e, x.attr) > 0 || line {
			entries++
		}
	}
	count(&x.entries, entries)
	return nil
}

// line escapes the line of e and reports whether there was something to escape.
func (x *Escaper) line(b *batch.Batch, e *batch.Entry) bool {
	s := text(e.Line)
	at := x.first(s)
	if at < 0 {
		return false
	}
	var counted length
	x.rest(&counted, s[at:])
	to := into{b.Buffer(at + counted.n)[:0]}
	to.string(s[:at])
	x.rest(&to, s[at:])
	e.Line = to.b
	return true
}

// attr escapes the value of an attribute, if there is something to escape.
func (x *Escaper) attr(a *batch.Attr) (string, bool) {
	at := x.first(a.Value)
	if at < 0 {
		return "", false
	}
	to := into{append(make([]byte, 0, 2*len(a.Value)), a.Value[:at]...)}
	x.rest(&to, a.Value[at:])
	return string(to.b), true
}

// first is where the first thing to escape stands in s, -1 if nothing does.
func (x *Escaper) first(s string) int {
	for i := 0; i < len(s); {
		for i+8 <= len(s) && printable(s[i:i+8]) {
			i += 8
		}
		for i < len(s) && x.fine[s[i]] {
			i++
			if i&7 == 0 {
				break // back to eight at a time
			}
		}
		if i == len(s) {
			return -1
		}
		if x.fine[s[i]] {
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 || !x.stays(c) {
			return i
		}
		i += n
	}
	return -1
}

// printable reports whether the eight bytes of s are ASCII and none a control
// character. It may be wrong in saying no. Each byte of a word is looked at in one
// go: bit 7 of a difference is set where something was borrowed.
func printable(s string) bool {
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones = 0x0101010101010101
	below := w - ' '*ones            // ' ' is the first that is none
	delete := (w ^ 0x7f*ones) - ones // DEL
	return (w|below|delete)&(0x80*ones) == 0
}

// rest escapes s, to be counted or to be written.
func (x *Escaper) rest(to output, s string) {
	ends := unknownEnd
	for len(s) > 0 {
		at := x.first(s)
		if at < 0 {
			to.string(s)
			return
		}
		to.string(s[:at])
		s = s[at:]
		if x.strip {
			if n := sequence(s, &ends); n > 0 {
				s = s[n:]
				continue
			}
		}
		c, n := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && n == 1 {
			to.escape(rune(s[0]), true)
		} else {
			to.escape(c, c < utf8.RuneSelf)
		}
		s = s[n:]
	}
}

// sequence is the length of the escape sequence of a terminal that s begins with
// (ECMA-48): a control sequence, a string such as a title with its end, or a short
// one. It is 0 if s begins with none, or with one that does not end.
//
// ends is how much of s is left behind the next end of a string, once that was looked
// for: so text with many beginnings and no end is gone through once, and not again
// from each of them.
func sequence(s string, ends *int) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch c := s[1]; {
	case c == '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x3f {
				return 0
			}
		}
	case c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_':
		if *ends > len(s)-len("\x1b]\a") {
			*ends = behindString(s[2:])
		}
		if n := len(s) - *ends; n <= maxSequence {
			return n
		}
	case c >= 0x30 && c <= 0x7e:
		return 2
	case c >= 0x20 && c <= 0x2f && len(s) > 2 && s[2] >= 0x30 && s[2] <= 0x7e:
		return 3
	}
	return 0
}

const (
	// maxSequence bounds how long a string of a terminal may be.
	maxSequence = 4 << 10

	unknownEnd = math.MaxInt
	noEnd      = math.MinInt / 2 // farther away than any string may be long
)

// behindString is how many bytes of s are behind the next end of a string of a
// terminal.
func behindString(s string) int {
	for i := range len(s) {
		if s[i] == '\a' {
			return len(s) - i - 1
		}
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
			return len(s) - i - 2
		}
	}
	return noEnd
}

// An output takes text and what is to be escaped.
type output interface {
	string(s string)
	escape(c rune, byte bool) // byte: as \x and two digits at most
}

// length counts what would be written.
type length struct{ n int }

func (l *length) string(s string) { l.n += len(s) }
func (l *length) escape(c rune, byte bool) {
	var buf [8]uint8
	l.n += len(appendEscape(buf[:0], c, byte))
}

// into writes to b.
type into struct{ b []byte }

func (t *into) string(s string)          { t.b = append(t.b, s...) }
func (t *into) escape(c rune, byte bool) { t.b = appendEscape(t.b, c, byte) }

func appendEscape(dst []byte, c rune, single bool) []byte {
	switch c {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const digits = "0123456789abcdef"
	if single {
		return append(dst, '\\', 'x', digits[c>>4&15], digits[c&15])
	}
	return append(dst, '\\', 'u', digits[c>>12&15], digits[c>>8&15], digits[c>>4&15], digits[c&15])
}

// EscapeStats count since the Escaper was made.
type EscapeStats struct {
	Entries int64 // had something to escape
}

// Stats returns the counters.
func (x *Escaper) Stats() EscapeStats { return EscapeStats{Entries: x.entries.Load()} }
