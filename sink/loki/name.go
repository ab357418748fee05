package loki

import "github.com/logferry/logferry/batch"

// unnamed stands for a name of which nothing is left.
const unnamed = "unnamed"

// goodName reports whether name is a label name that Loki leaves alone or at least survives.
func goodName(name string) bool {
	if !batch.ValidName(name) {
		return false
	}
	for i := range len(name) {
		if name[i] != '_' {
			return true
		}
	}
	return false
}

// nameSize is how many bytes appendName appends.
func nameSize(name string) int {
	if goodName(name) {
		return len(name)
	}
	var scratch [128]byte
	return len(appendName(scratch[:0], name))
}

// appendName appends name, made a label name by the rule the package documentation states.
func appendName(dst []byte, name string) []byte {
	if goodName(name) {
		return append(dst, name...)
	}
	start, letters := len(dst), false
	for i := range len(name) {
		c := name[i]
		switch digit := '0' <= c && c <= '9'; {
		case digit && i == 0:
			dst = append(dst, "key_"...)
			fallthrough
		case digit, 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			dst = append(dst, c)
			letters = true
		case len(dst) == start || dst[len(dst)-1] != '_':
			dst = append(dst, '_')
		}
	}
	if !letters {
		return append(dst[:start], unnamed...)
	}
	return dst
}
