package labelset

import (
	"strings"
	"unicode/utf8"
)

// MaxValue bounds values, in bytes. Loki refuses a stream with a label value of
// more than 2,048, and attributes are repeated with each entry.
const MaxValue = 1024

// Clean makes v a value that labels and attributes can have: UTF-8, and not
// longer than [MaxValue].
func Clean(v string) string {
	v = strings.ToValidUTF8(v, "\uFFFD")
	if len(v) <= MaxValue {
		return v
	}
	end := MaxValue
	for !utf8.RuneStart(v[end]) {
		end--
	}
	return strings.Clone(v[:end])
}
