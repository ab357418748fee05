package process

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/logferry/logferry/internal/jsonscan"
)

// fieldsHead is how far into a line fields are looked for.
const fieldsHead = 4 << 10

// fieldNames are the names of fields that may hold what is looked for.
type fieldNames []string

// has reports whether name is one of names, in whatever case.
func has[T string | []byte](names fieldNames, name T) bool {
	for _, n := range names {
		if len(n) == len(name) && equalFold(n, name) {
			return true
		}
	}
	return false
}

// equalFold reports whether b, which is as long as a, is a but for the case of ASCII
// letters.
func equalFold[T string | []byte](a string, b T) bool {
	for i := range len(a) {
		if c := a[i] ^ b[i]; c != 0 && (c != 0x20 || letter(b[i]) > 'z'-'a') {
			return false
		}
	}
	return true
}

// check returns what is wrong with them; who is the function whose Config has them.
func (f fieldNames) check(who string) (errs []error) {
	for i, n := range f {
		if n == "" || strings.ContainsAny(n, " \t\"=") {
			errs = append(errs, fmt.Errorf("process: %s: Fields[%d]: %q is no name of a field", who, i, n))
		}
	}
	return errs
}

// json gives the fields of an object, and of the object "log" in it, to take until
// that says that it has what it wants. It does not look further than it has to.
func (f fieldNames) json(line []byte, take func(value) bool) bool {
	s := jsonscan.Scan{Rest: line[:min(len(line), fieldsHead)]}
	return f.object(&s, true, take)
}

func (f fieldNames) object(s *jsonscan.Scan, outer bool, take func(value) bool) bool {
	for s.Take('{'); ; {
		key, ok := s.Quoted()
		if !ok || !s.Take(':') {
			return false
		}
		if f.member(s, key, outer, take) {
			return true
		}
		if !s.Take(',') {
			s.Take('}')
			return false
		}
	}
}

// member looks at a field called key, and takes its value if that is not wanted.
func (f fieldNames) member(s *jsonscan.Scan, key []byte, outer bool, take func(value) bool) bool {
	if c := s.Next(); outer && c == '{' && string(key) == "log" {
		return f.object(s, false, take)
	}
	all := s.Rest
	return s.Skip(jsonscan.MaxDepth) && has(f, key) && take(valueOf(all[:len(all)-len(s.Rest)]))
}

// logfmt does the same with a line in logfmt. It looks at the equals signs alone, and
// only if there is a field goes through the line from its beginning, as it might
// stand between quotes.
func (f fieldNames) logfmt(line []byte, take func(value) bool) bool {
	line = line[:min(len(line), fieldsHead)]
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '=')
		if i < 0 {
			return false
		}
		if i += from; f.endIn(line[:i]) {
			return f.logfmtFields(line, take)
		}
		from = i + 1
	}
}

// endIn reports whether head ends in one of the names.
func (f fieldNames) endIn(head []byte) bool {
	for _, n := range f {
		at := len(head) - len(n)
		if at >= 0 && (at == 0 || head[at-1] <= ' ') && equalFold(n, head[at:]) {
			return true
		}
	}
	return false
}

func (f fieldNames) logfmtFields(line []byte, take func(value) bool) bool {
	w := logfmtWalk{rest: line}
	for {
		key, v, state := w.next()
		if state != logfmtField {
			return false
		}
		if has(f, key) && take(v) {
			return true
		}
	}
}
