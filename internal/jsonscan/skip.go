package jsonscan

// MaxDepth is how deep what [Scan.Skip] takes may be nested.
const MaxDepth = 64

// Skip takes a value, and reports whether it is one, nested no deeper than depth.
// In strings it only looks for the end, so that escapes are not checked and
// control characters are let through.
func (s *Scan) Skip(depth int) bool {
	switch s.Next() {
	case '"':
		_, ok := s.Quoted()
		return ok
	case '{':
		return depth > 0 && s.members(depth-1)
	case '[':
		return depth > 0 && s.elements(depth-1)
	default:
		_, ok := s.Literal()
		return ok
	}
}

// members takes an object.
func (s *Scan) members(depth int) bool {
	s.Take('{')
	for more := !s.Take('}'); more; {
		if _, ok := s.Quoted(); !ok || !s.Take(':') || !s.Skip(depth) {
			return false
		}
		if more = s.Take(','); !more && !s.Take('}') {
			return false
		}
	}
	return true
}

// elements takes an array.
func (s *Scan) elements(depth int) bool {
	s.Take('[')
	for more := !s.Take(']'); more; {
		if !s.Skip(depth) {
			return false
		}
		if more = s.Take(','); !more && !s.Take(']') {
			return false
		}
	}
	return true
}

// End reports whether nothing but white space is left.
func (s *Scan) End() bool {
	s.Next()
	return len(s.Rest) == 0
}

// Literal takes a number, true, false or null, and returns its text.
func (s *Scan) Literal() ([]byte, bool) {
	s.Next()
	all := s.Rest
	s.word()
	text := all[:len(all)-len(s.Rest)]
	switch string(text) {
	case "true", "false", "null":
		return text, true
	}
	return text, number(text)
}

// number reports whether text is a number, as RFC 8259 has it in section 6.
func number(text []byte) bool {
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	n := digits(text)
	if n == 0 || n > 1 && text[0] == '0' {
		return false
	}
	text = text[n:]
	if len(text) > 0 && text[0] == '.' {
		if n = digits(text[1:]); n == 0 {
			return false
		}
		text = text[1+n:]
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		text = text[1:]
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		n = digits(text)
		return n > 0 && n == len(text)
	}
	return len(text) == 0
}

// digits is how many digits text begins with.
func digits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}
