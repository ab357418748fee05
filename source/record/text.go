package record

import "bytes"

// has reports whether line begins with prefix.
func has(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}

// indented reports whether line begins with white space and holds more.
func indented(line []byte) bool {
	return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && len(trimLeft(line)) > 0
}

// blank reports whether line holds nothing but white space.
func blank(line []byte) bool { return len(trimLeft(line)) == 0 }

// trimLeft leaves out the white space line begins with.
func trimLeft(line []byte) []byte {
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t' || line[0] == '\r') {
		line = line[1:]
	}
	return line
}

// digits is how many digits line begins with.
func digits(line []byte) int {
	n := 0
	for n < len(line) && digit(line[n]) {
		n++
	}
	return n
}

// letter reports whether c may stand in a name.
func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// dotted is the length of the name, which may have parts between dots or
// colons, that line begins with.
func dotted(line []byte) int {
	n := 0
	for n < len(line) && (letter(line[n]) || n > 0 && (digit(line[n]) || line[n] == '.')) {
		n++
	}
	return n
}

// contains reports whether part occurs in line.
func contains(line []byte, part string) bool { return bytes.Contains(line, []byte(part)) }
