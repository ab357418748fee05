package file

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameRule makes parts of file names out of label values. What it makes can be read back, as in a URL: %XX stands for a
// byte that no name can hold, or that some system or shell reads otherwise.
type nameRule struct {
	// fold escapes capitals and what is not ASCII as well, so that no two values make names that a file system takes
	// for one.
	fold bool
	// all escapes every byte.
	all bool
}

// unescaped is what stands for itself of what is neither a letter nor a digit.
const unescaped = "!#$&'()+,;=@[]^`{}"

// absent stands for a label that an entry does not have; a value of that very text is escaped.
const absent = "_"

// cutMark stands where a value was too long. What follows is half a SHA-256 of the value.
const (
	cutMark = "%~"
	cutTail = len(cutMark) + sha256.Size // in hexadecimal digits, of half the sum
)

// appendValue appends what stands for value in a name, in most bytes at most, which are more than cutTail.
func (r nameRule) appendValue(dst []byte, value string, most int) []byte {
	switch value {
	case "":
		return append(dst, absent...)
	case absent:
		return appendEscaped(dst, value[0])
	}
	start := len(dst)
	whole := start // up to where dst may be cut without cutting a rune or an escape
	for i := 0; i < len(value); {
		size := 1
		if value[i] >= utf8.RuneSelf {
			_, size = utf8.DecodeRuneInString(value[i:])
		}
		dst = r.appendRune(dst, value, i, size)
		if len(dst)-start <= most-cutTail {
			whole = len(dst)
		} else if len(dst)-start > most {
			sum := sha256.Sum256([]byte(value))
			dst = append(dst[:whole], cutMark...)
			return hex.AppendEncode(dst, sum[:sha256.Size/2])
		}
		i += size
	}
	return dst
}

// appendRune appends what stands for the size bytes of value at i.
func (r nameRule) appendRune(dst []byte, value string, i, size int) []byte {
	if r.plain(value, i, size) {
		return append(dst, value[i:i+size]...)
	}
	for _, c := range []byte(value[i : i+size]) {
		dst = appendEscaped(dst, c)
	}
	return dst
}

// plain reports whether the bytes stand for themselves.
func (r nameRule) plain(value string, i, size int) bool {
	if r.all {
		return false
	}
	if size > 1 || value[i] >= utf8.RuneSelf {
		c, _ := utf8.DecodeRuneInString(value[i:])
		return !r.fold && c != utf8.RuneError && unicode.IsGraphic(c) && !unicode.IsSpace(c)
	}
	switch c := value[i]; {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
		return true
	case 'A' <= c && c <= 'Z':
		return !r.fold
	case c == '.', c == ' ', c == '-': // .., hidden files, what looks like an option; Windows drops these at the end
		return i > 0 && i < len(value)-1
	default:
		return strings.IndexByte(unescaped, c) >= 0
	}
}

// pattern matches what appendValue makes, and little else: what does not match was made by somebody else.
func (r nameRule) pattern() string {
	inside := "a-z0-9_" + regexp.QuoteMeta(unescaped)
	if !r.fold {
		inside += `A-Z[:^ascii:]`
	}
	cut := fmt.Sprintf("%s[0-9a-f]{%d}", cutMark, cutTail-len(cutMark))
	end := "(?:[" + inside + "]|%[0-9A-F]{2}|" + cut + ")"
	return end + "(?:(?:" + end + "|[. -])*?" + end + ")??"
}

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// reserved reports whether Windows takes a file of that name for a device, whatever stands behind the first dot.
func reserved(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if n, ok := strings.CutPrefix(stem, port); ok && utf8.RuneCountInString(n) == 1 && strings.ContainsAny(n, "0123456789¹²³") {
			return true
		}
	}
	return false
}
