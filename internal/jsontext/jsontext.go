// Package jsontext writes JSON by appending to a buffer, for sinks that write a great deal of it and must not allocate.
package jsontext

import "unicode/utf8"

// AppendString appends text as a JSON string, RFC 8259, section 7, with what is not UTF-8, and U+FFFD itself, replaced by
// replacement, which is written as it is.
func AppendString[T string | []byte](dst []byte, text T, replacement string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			if r == utf8.RuneError {
				dst = append(dst, text[start:i]...)
				dst = append(dst, replacement...)
				start = i + size
			}
			i += size
			continue
		}
		dst = append(dst, text[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}
