package tail

import (
	"bytes"
	"errors"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// The codings a worker knows, as indexes of its codings. A file's coding is
// the one that was configured unless its first bytes say otherwise.
const (
	configured uint8 = iota
	utf16LE
	utf16BE
	codings // how many there are
)

// A coding is how the bytes of a file stand for text. A worker has its own, for
// a decoder has a state.
type coding struct {
	newline []byte
	dec     *encoding.Decoder // nil: the bytes are the text
}

// newline is '\n' in e, whose Encoder may begin with a byte order mark.
func newline(e encoding.Encoding) ([]byte, error) {
	if e == nil {
		return []byte{'\n'}, nil
	}
	one, err1 := e.NewEncoder().Bytes([]byte("\n"))
	two, err2 := e.NewEncoder().Bytes([]byte("\n\n"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	n := len(two) - len(one)
	if n != 1 && n != 2 && n != 4 || !bytes.HasSuffix(one, two[len(one):]) {
		return nil, errNewline
	}
	return two[len(one):], nil
}

var errNewline = errors.New("no encoding whose line ends can be found: they must be one unit of 1, 2 or 4 bytes")

// newCodings returns the codings for files in e, which has been checked. Byte
// order marks are dealt with here, so that the decoders of the Unicode
// encodings must not look for them at the beginning of each line.
func newCodings(e encoding.Encoding) (all [codings]coding) {
	little := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	big := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	all[utf16LE] = coding{[]byte("\n\x00"), little.NewDecoder()}
	all[utf16BE] = coding{[]byte("\x00\n"), big.NewDecoder()}
	nl, _ := newline(e)
	switch {
	case e == nil:
		all[configured] = coding{newline: nl}
		return all
	case len(nl) == 2 && nl[0] == '\n':
		e = little
	case len(nl) == 2:
		e = big
	case len(nl) == 4 && nl[0] == '\n':
		e = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case len(nl) == 4:
		e = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	}
	all[configured] = coding{nl, e.NewDecoder()}
	return all
}

// unit is how many bytes make the smallest character.
func (c *coding) unit() int { return len(c.newline) }

// index is where the first line end of data begins, -1 if there is none. data
// begins with a whole character.
func (c *coding) index(data []byte) int {
	if len(c.newline) == 1 {
		return bytes.IndexByte(data, c.newline[0])
	}
	for from := 0; ; {
		i := bytes.Index(data[from:], c.newline)
		if i < 0 {
			return -1
		}
		if from += i; from%len(c.newline) == 0 {
			return from
		}
		from++ // the second half of one character and the first of the next
	}
}

// decode makes UTF-8 of raw in dst, which is overwritten and grows to most
// bytes. What raw cannot mean becomes U+FFFD. cut says that there is more.
func (c *coding) decode(dst, raw []byte, most int) (text []byte, cut bool) {
	size := min(4*len(raw)+2*utf8.UTFMax, most)
	dst = slices.Grow(dst[:0], size)[:size]
	n := 0
	c.dec.Reset()
	for {
		k, used, err := c.dec.Transform(dst[n:], raw, true)
		n, raw = n+k, raw[used:]
		if err == nil {
			return dst[:n], false
		}
		if errors.Is(err, transform.ErrShortDst) || len(dst)-n < len(invalid) {
			return dst[:n], true
		}
		// A decoder that gives up, which those of x/text do not.
		n += copy(dst[n:], invalid)
		if raw = raw[min(c.unit(), len(raw)):]; len(raw) == 0 {
			return dst[:n], false
		}
		c.dec.Reset()
	}
}

var (
	invalid   = []byte("\uFFFD")
	utf8BOM   = []byte("\xef\xbb\xbf")
	utf16BOMs = [codings][]byte{utf16LE: []byte("\xff\xfe"), utf16BE: []byte("\xfe\xff")}
	utf32BOMs = [][]byte{[]byte("\xff\xfe\x00\x00"), []byte("\x00\x00\xfe\xff")}
)

// sniff tells from the first bytes of a file in which coding it is, unit being
// that of the one that is configured.
func sniff(head []byte, unit int) uint8 {
	if unit == 4 {
		return configured // the mark of UTF-32 begins like that of UTF-16
	}
	for c := utf16LE; c < codings; c++ {
		if bytes.HasPrefix(head, utf16BOMs[c]) {
			return c
		}
	}
	return configured
}

// bom is the length of the byte order mark that a file in coding c begins with.
func bom(head []byte, c uint8, unit int) int {
	switch {
	case c != configured:
		return len(utf16BOMs[c])
	case unit == 1 && bytes.HasPrefix(head, utf8BOM):
		return len(utf8BOM)
	case unit == 4 && (bytes.HasPrefix(head, utf32BOMs[0]) || bytes.HasPrefix(head, utf32BOMs[1])):
		return 4
	}
	return 0
}
