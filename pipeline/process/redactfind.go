package process

import (
	"slices"
	"strings"

	"github.com/logferry/logferry/batch"
)

// A span is a secret within a text.
type span struct {
	from, to int
	kind     kind
	quote    string // to put around what replaces it: it was a bare value in JSON
}

// A seeker looks through one text after the other.
type seeker struct {
	r     *Redactor
	s     string
	found []span
}

// maxSpans is how many secrets a seeker that is kept has room for.
const maxSpans = 1024

func (r *Redactor) seeker() *seeker {
	if f, ok := r.seekers.Get().(*seeker); ok {
		return f
	}
	return &seeker{r: r}
}

// give keeps f for another batch, and nothing of this one.
func (r *Redactor) give(f *seeker) {
	if cap(f.found) <= maxSpans {
		clear(f.found[:cap(f.found)])
		f.s, f.found = "", f.found[:0]
		r.seekers.Put(f)
	}
}

// A look is what a byte makes a seeker do.
type look uint8

const (
	lookOn        look = iota // to the next byte
	lookDigit                 // a run of digits: part of a card number or an address
	lookSeparator             // '=' or ':' may have a name before it
	lookPrefix                // '_' or '-' may end the prefix of a token, "--" be before a name
	lookLetter                // may begin a token, or stand at a known place in it
	lookAt                    // '@' stands in an e-mail address, or behind a password
	lookPercent               // '%' may stand for that, or for '='
	lookTag                   // '>' may have the name of an element before it
)

// watch fills the table of what to do at which byte. All that is looked for can
// be told by bytes that are rare: a line without secrets costs a look into the
// table for each byte.
func (r *Redactor) watch() {
	set := func(l look, bytes string) {
		for i := range len(bytes) {
			r.look[bytes[i]] = l
		}
	}
	if r.patterns&(Cards|IPs) != 0 {
		set(lookDigit, "0123456789")
	}
	if len(r.names) > 1 || r.patterns&(Credentials|IPs) != 0 {
		set(lookSeparator, ":")
	}
	if len(r.names) > 1 {
		set(lookSeparator, "=")
		set(lookPercent, "%")
		set(lookTag, ">")
		set(lookPrefix, "-")
	}
	if r.patterns&Credentials != 0 {
		set(lookLetter, "Bb")
		set(lookAt, "@")
	}
	if r.patterns&Tokens != 0 {
		set(lookLetter, "JASvy")
		set(lookPrefix, "_-")
		for _, p := range prefixes {
			before := p.text[len(p.text)-2]
			r.prefixes[before] = append(r.prefixes[before], p)
		}
	}
	if r.patterns&Emails != 0 {
		set(lookAt, "@")
		set(lookPercent, "%")
	}
}

// find looks for secrets in s and reports whether there are any, which are then in
// f.found, sorted and apart from each other.
func (f *seeker) find(s string) bool {
	f.s, f.found = s, f.found[:0]
	if f.r.patterns != 0 || len(f.r.names) > 1 {
		f.scan()
	}
	for i := range f.r.regexps {
		f.match(&f.r.regexps[i])
	}
	if len(f.found) > 1 {
		f.arrange()
	}
	return len(f.found) > 0
}

func (f *seeker) scan() {
	s, look := f.s, &f.r.look
	for i := 0; i < len(s); {
		switch look[s[i]] {
		case lookOn:
			i++
			for i+4 <= len(s) && look[s[i]]|look[s[i+1]]|look[s[i+2]]|look[s[i+3]] == lookOn {
				i += 4
			}
		case lookDigit:
			i = f.digits(i)
		case lookSeparator:
			i = f.separator(i)
		case lookPrefix:
			i = f.prefix(i)
		case lookLetter:
			i = f.letter(i)
		case lookAt:
			i = f.at(i)
		case lookPercent:
			i = f.percent(i)
		case lookTag:
			i = f.element(i)
		}
	}
}

// findLine is find for a line, which may be one of a private key.
func (f *seeker) findLine(s string) bool {
	if f.r.patterns&Tokens != 0 && len(s) <= maxKeyLine {
		if key := strings.TrimSpace(s); isKeyLine(key) {
			from := strings.Index(s, key)
			f.s, f.found = s, append(f.found[:0], span{from: from, to: from + len(key), kind: kindToken})
			return true
		}
	}
	return f.find(s)
}

// match adds what an expression of the user's matches.
func (f *seeker) match(x *expression) {
	for _, m := range x.re.FindAllStringSubmatchIndex(f.s, -1) {
		if len(x.groups) == 0 {
			f.add(span{from: m[0], to: m[1], kind: kindMatch})
		}
		for _, g := range x.groups {
			f.add(span{from: m[2*g], to: m[2*g+1], kind: kindMatch})
		}
	}
}

// add notes a secret, unless it is empty or what a Redactor has put there. It
// returns where it ends.
func (f *seeker) add(x span) int {
	if x.from < x.to && !f.r.isMark(f.s[x.from:x.to]) {
		f.found = append(f.found, x)
	}
	return x.to
}

// arrange sorts what was found and makes one of what overlaps: no part of
// either secret may be left.
func (f *seeker) arrange() {
	slices.SortStableFunc(f.found, func(a, b span) int { return a.from - b.from })
	n := 0
	for _, x := range f.found[1:] {
		last := &f.found[n]
		if x.from < last.to {
			last.to = max(last.to, x.to)
			continue
		}
		n++
		f.found[n] = x
	}
	f.found = f.found[:n+1]
}

// findAttr is find for an attribute.
func (f *seeker) findAttr(a *batch.Attr) bool {
	if f.r.isSecret(a.Key) && a.Value != "" && !f.r.isMark(a.Value) {
		f.s, f.found = a.Value, append(f.found[:0], span{to: len(a.Value)})
		return true
	}
	return f.find(a.Value)
}

// rewrite is the line without what was found, in b's memory.
func (f *seeker) rewrite(b *batch.Batch) []byte {
	n := len(f.s)
	for _, x := range f.found {
		n += x.from - x.to + f.r.markLen(x.kind) + 2*len(x.quote)
	}
	return f.append(b.Buffer(n)[:0])
}

// append appends the text without what was found.
func (f *seeker) append(dst []byte) []byte {
	at := 0
	for _, x := range f.found {
		dst = append(dst, f.s[at:x.from]...)
		dst = append(dst, x.quote...)
		dst = f.r.appendMark(dst, x.kind, f.s[x.from:x.to])
		dst = append(dst, x.quote...)
		at = x.to
	}
	return append(dst, f.s[at:]...)
}

// Classes of bytes. Beyond ASCII, all is taken for letters.
var (
	isWord  = class("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	isName  = class("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.")
	isToken = class("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.~+/=%")
	isHex   = class("0123456789abcdefABCDEF")
)

func class(bytes string) (in [256]bool) {
	for c := range in {
		in[c] = strings.IndexByte(bytes, byte(c)) >= 0
	}
	return in
}

func isDigit(c byte) bool { return c-'0' < 10 }
func isBlank(c byte) bool { return c == ' ' || c-'\t' < 5 }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// lower is c in lower case, if it is a letter of ASCII.
func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// run returns the end of the run of bytes of a class that begins at i.
func (f *seeker) run(i int, in *[256]bool) int {
	for i < len(f.s) && in[f.s[i]] {
		i++
	}
	return i
}

// wordBefore reports whether a letter or digit stands before i, or what belongs
// to a word as well.
func (f *seeker) wordBefore(i int) bool { return i > 0 && (isWord[f.s[i-1]] || f.s[i-1] == '_') }

// wordAt reports whether a letter or digit stands at i.
func (f *seeker) wordAt(i int) bool { return i < len(f.s) && (isWord[f.s[i]] || f.s[i] == '_') }
