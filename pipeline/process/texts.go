package process

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/logferry/logferry/internal/jsonscan"
	"github.com/logferry/logferry/internal/labelset"
)

const (
	// run is how many bytes of values are kept together: one allocation for many
	// values, and no more than that is kept for the sake of one.
	run = 4 << 10
	// maxNames is how many names of attributes are remembered.
	maxNames = 1024
)

// scanned is how many bytes of a text can matter to what is kept of it, if that
// is not longer than longest: an escape such as \u0041 takes six for one.
func scanned(longest int) int { return 6 * (longest + utf8.UTFMax) }

// texts makes strings of parts of lines.
type texts struct {
	b     *strings.Builder
	buf   []byte
	names map[string]string
	cut   bool // something kept was too long
}

// keep returns what v says, as UTF-8 and not longer than longest.
func (t *texts) keep(v value, longest int) string {
	text := t.clean(v, longest)
	if t.b == nil || t.b.Cap()-t.b.Len() < len(text) {
		// Strings given out before stay where they are.
		t.b = new(strings.Builder)
		t.b.Grow(max(run, len(text)))
	}
	from := t.b.Len()
	t.b.Write(text)
	return t.b.String()[from:]
}

// keepLabel is keep for a value that is kept for long and names a stream: it has no
// control characters.
func (t *texts) keepLabel(v value, longest int) string {
	return labelset.Clean(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, string(t.clean(v, longest))))
}

// clean returns what v says, in the line or in buf.
func (t *texts) clean(v value, longest int) []byte {
	text := v.text
	if head := text[:min(len(text), scanned(longest))]; v.quoted && bytes.IndexByte(head, '\\') >= 0 {
		plain, ok := jsonscan.Unquote(t.buf[:0], head)
		if t.buf = plain; ok || len(plain) > longest { // an escape may be cut in two behind that
			text = plain
		}
	}
	if len(text) > longest {
		t.cut = true
		text = cutWord(text, longest)
	}
	if !utf8.Valid(text) {
		text = cutWord(bytes.ToValidUTF8(text, []byte("\uFFFD")), longest)
	}
	return text
}

// name returns text, which is the name of an attribute, as a string: the same as
// before as a rule.
func (t *texts) name(text []byte) string {
	if s, ok := t.names[string(text)]; ok {
		return s
	}
	if t.names == nil || len(t.names) >= maxNames {
		t.names = map[string]string{}
	}
	s := string(text)
	t.names[s] = s
	return s
}
