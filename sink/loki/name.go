package loki

import (
	"strings"

	"github.com/logferry/logferry/batch"
)

const (
	// unnamed stands for a name of which nothing is left.
	unnamed = "unnamed"
	// reserved is what Loki leaves alone at both ends of a name.
	reserved = "__"
)

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
	start, fix := len(dst), ""
	if len(name) >= 2*len(reserved) && strings.HasPrefix(name, reserved) && strings.HasSuffix(name, reserved) {
		fix, name = reserved, name[len(reserved):len(name)-len(reserved)]
	} else if name != "" && '0' <= name[0] && name[0] <= '9' {
		dst = append(dst, "key_"...)
	}
	dst, letters := appendLetters(append(dst, fix...), name)
	if !letters {
		return append(dst[:start], unnamed...)
	}
	return append(dst, fix...)
}

// appendLetters appends name with an underscore for each run of what is neither a letter nor a digit, and reports whether
// there is any of those.
func appendLetters(dst []byte, name string) (_ []byte, found bool) {
	start := len(dst)
	for i := range len(name) {
		c := name[i]
		switch {
		case isAlnum(c):
			dst = append(dst, c)
			found = true
		case len(dst) == start || dst[len(dst)-1] != '_':
			dst = append(dst, '_')
		}
	}
	return dst, found
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
