package process

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A mark is what stands in for a secret: with a hash it is before, '#', the hash,
// after.
type mark struct{ before, after string }

const (
	defaultMark = "[redacted:"
	hashLen     = 16 // hex digits: 64 bits
)

func newMark(k kind, replacement string) mark {
	if replacement != "" {
		return mark{before: replacement}
	}
	return mark{before: defaultMark + k.String(), after: "]"}
}

func (r *Redactor) markLen(k kind) int {
	m := &r.marks[k]
	n := len(m.before) + len(m.after)
	if r.hashKey != nil {
		n += 1 + hashLen
	}
	return n
}

func (r *Redactor) appendMark(dst []byte, k kind, secret string) []byte {
	m := &r.marks[k]
	dst = append(dst, m.before...)
	if r.hashKey != nil {
		h := hmac.New(sha256.New, r.hashKey)
		h.Write([]byte(secret))
		dst = append(dst, '#')
		dst = hex.AppendEncode(dst, h.Sum(nil)[:hashLen/2])
	}
	return append(dst, m.after...)
}

// isMark reports whether s is what a Redactor puts in the place of a secret. It
// is not replaced again: the hash would be another one.
func (r *Redactor) isMark(s string) bool {
	for k := range r.marks {
		m := &r.marks[k]
		hash, ok := strings.CutPrefix(s, m.before)
		if !ok || !strings.HasSuffix(hash, m.after) {
			continue
		}
		if hash = hash[:len(hash)-len(m.after)]; hash == "" || len(hash) == 1+hashLen && hash[0] == '#' && allHex(hash[1:]) {
			return true
		}
	}
	return false
}

// markAt returns the end of what a Redactor has put at i, for all there is of a
// value, or i.
func (f *seeker) markAt(i int) int {
	end := i
	if f.s[i] != f.r.marks[0].before[0] { // they all begin alike
		return i
	}
	for end < len(f.s) && end-i < maxReplacement+1+hashLen && !isBlank(f.s[end]) && !isQuote(f.s[end]) {
		end++
		if f.r.isMark(f.s[i:end]) && (end == len(f.s) || isBlank(f.s[end]) || strings.IndexByte("\"'`<)]},;&\\", f.s[end]) >= 0) {
			return end
		}
	}
	return i
}

func allHex(s string) bool {
	for i := range len(s) {
		if !isHex[s[i]] {
			return false
		}
	}
	return true
}
