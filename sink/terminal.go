package sink

import (
	"io"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// Terminal returns a Sink that writes entries to w for people to read: the time of day, the values of the labels, the
// line, and the attributes. What a terminal would act upon is escaped, control characters and bytes that are not UTF-8,
// so that a line can neither move the cursor nor look like another. Everything said of [WriterFunc] holds.
func Terminal(w io.Writer) Sink { return WriterFunc(w, appendForPeople) }

func appendForPeople(dst []byte, e *batch.Entry) []byte {
	dst = e.Time.Local().AppendFormat(dst, time.TimeOnly+".000")
	for _, v := range e.Labels.All() {
		dst = appendPrintable(append(dst, ' '), v)
	}
	dst = appendPrintable(append(dst, " | "...), e.Line)
	for _, a := range e.Attrs {
		dst = appendPrintable(append(dst, ' '), a.Key)
		dst = appendPrintable(append(dst, '='), a.Value)
	}
	return append(dst, '\n')
}

// appendPrintable appends s with everything but printable characters, spaces and tabs escaped as Go does.
func appendPrintable[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != 0x7F || c == '\t' {
				dst = append(dst, c)
			} else {
				dst = appendEscaped(dst, rune(c))
			}
			continue
		}
		r, n := utf8.DecodeRune([]byte(s[i:min(i+utf8.UTFMax, len(s))]))
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', 'x')
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		case unicode.IsGraphic(r):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = appendEscaped(dst, r)
		}
		i += n
	}
	return dst
}

// appendEscaped appends r as strconv writes it, without the quotes.
func appendEscaped(dst []byte, r rune) []byte {
	q := strconv.QuoteRuneToASCII(r)
	return append(dst, q[1:len(q)-1]...)
}
