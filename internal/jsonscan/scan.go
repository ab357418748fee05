package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// A Scan goes through JSON text: Rest is what is left of it.
type Scan struct{ Rest []byte }

// Next skips white space and returns the byte behind it, 0 at the end.
func (s *Scan) Next() byte {
	for i, c := range s.Rest {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			s.Rest = s.Rest[i:]
			return c
		}
	}
	s.Rest = nil
	return 0
}

// Take skips c, if that comes next.
func (s *Scan) Take(c byte) bool {
	if len(s.Rest) == 0 || s.Rest[0] != c {
		if s.Next() != c || len(s.Rest) == 0 {
			return false
		}
	}
	s.Rest = s.Rest[1:]
	return true
}

// Quoted takes a string and returns what stands between its quotes, still escaped.
// Bytes that JSON wants escaped but that stand for themselves are let through.
func (s *Scan) Quoted() ([]byte, bool) {
	if !s.Take('"') {
		return nil, false
	}
	rest := s.Rest
	for from := 0; ; {
		i := bytes.IndexByte(rest[from:], '"')
		if i < 0 {
			return nil, false
		}
		end := from + i
		if end == 0 || rest[end-1] != '\\' || !escaped(rest[:end]) {
			s.Rest = rest[end+1:]
			return rest[:end:end], true
		}
		from = end + 1
	}
}

// escaped reports whether what follows b is escaped: b ends in an odd number of
// backslashes.
func escaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// Value takes a value of any kind and returns its text. It finds where it ends,
// and does not tell whether it is right.
func (s *Scan) Value() ([]byte, bool) {
	s.Next()
	all := s.Rest
	for depth := 0; ; {
		switch c := s.Next(); c {
		case 0:
			return nil, false
		case '"':
			if _, ok := s.Quoted(); !ok {
				return nil, false
			}
		case '{', '[':
			depth++
			s.Rest = s.Rest[1:]
		case '}', ']':
			depth--
			s.Rest = s.Rest[1:]
		case ',', ':':
			if depth == 0 {
				return nil, false
			}
			s.Rest = s.Rest[1:]
		default:
			s.word()
		}
		if depth < 0 {
			return nil, false
		}
		if depth == 0 {
			return all[:len(all)-len(s.Rest)], true
		}
	}
}

// Inside is what stands between the quotes of a value that is a string.
func Inside(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	return value[1 : len(value)-1 : len(value)-1], true
}

// word takes a number or a name such as true.
func (s *Scan) word() {
	for i, c := range s.Rest {
		switch c {
		case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
			s.Rest = s.Rest[i:]
			return
		}
	}
	s.Rest = nil
}

// Unquote appends what quoted, the inside of a JSON string, stands for. Half a
// surrogate pair becomes U+FFFD. Bytes that are not UTF-8 are kept. The result
// is never longer than quoted.
func Unquote(dst, quoted []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(quoted, '\\')
		if i < 0 {
			return append(dst, quoted...), true
		}
		dst = append(dst, quoted[:i]...)
		if len(quoted) < i+2 {
			return dst, false
		}
		c := quoted[i+1]
		quoted = quoted[i+2:]
		if c == 'u' {
			var ok bool
			if dst, quoted, ok = unquoteRune(dst, quoted); !ok {
				return dst, false
			}
			continue
		}
		if c = escapes(c); c == 0 {
			return dst, false
		}
		dst = append(dst, c)
	}
}

// escapes is what a backslash and c stand for, 0 if nothing.
func escapes(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	default:
		return 0
	}
}

// unquoteRune appends the character that \u and the beginning of quoted stand
// for.
func unquoteRune(dst, quoted []byte) (longer, rest []byte, ok bool) {
	r, ok := hex4(quoted)
	if !ok {
		return dst, quoted, false
	}
	rest = quoted[4:]
	if utf16.IsSurrogate(r) {
		if low, ok := hex4(bytes.TrimPrefix(rest, []byte(`\u`))); ok && len(rest) > 1 && rest[1] == 'u' && rest[0] == '\\' {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return utf8.AppendRune(dst, both), rest[6:], true
			}
		}
	}
	return utf8.AppendRune(dst, r), rest, true
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		r <<= 4
		switch {
		case '0' <= c && c <= '9':
			r |= rune(c - '0')
		case 'a' <= c && c <= 'f':
			r |= rune(c - 'a' + 10)
		case 'A' <= c && c <= 'F':
			r |= rune(c - 'A' + 10)
		default:
			return 0, false
		}
	}
	return r, true
}
