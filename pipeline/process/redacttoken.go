package process

import (
	"encoding/base64"
	"strings"
)

// A prefix is what a token begins with, and how many bytes follow at least.
type prefix struct {
	text string
	min  int
}

// prefixes are those that end in '_' or '-', as their issuers document them.
var prefixes = []prefix{
	{"ghp_", 30}, {"gho_", 30}, {"ghu_", 30}, {"ghs_", 30}, {"ghr_", 30}, {"github_pat_", 30}, // GitHub
	{"glpat-", 20}, {"gldt-", 20}, {"glrt-", 20}, {"glcbt-", 20}, {"glptt-", 20}, {"gloas-", 20}, {"glagent-", 20}, {"glft-", 20}, // GitLab
	{"xoxb-", 10}, {"xoxp-", 10}, {"xoxa-", 10}, {"xoxr-", 10}, {"xoxs-", 10}, {"xoxe-", 10}, {"xapp-", 10}, // Slack
	{"sk_live_", 16}, {"sk_test_", 16}, {"rk_live_", 16}, {"rk_test_", 16}, {"whsec_", 16}, // Stripe
	{"sk-", 20}, {"gsk_", 20}, {"hf_", 30}, {"r8_", 30}, // models
	{"npm_", 30}, {"pypi-", 30}, {"dckr_pat_", 20}, // registries
	{"glsa_", 30}, {"glc_", 30}, {"dop_v1_", 40}, {"shpat_", 30}, {"shpss_", 30}, {"xkeysib-", 40}, {"GOCSPX-", 20},
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
)

// prefix looks whether the '_' or '-' at i ends the prefix of a token, or is the
// second of two dashes before a name.
func (f *seeker) prefix(i int) int {
	if f.s[i] == '-' && strings.HasPrefix(f.s[i:], pemBegin) && f.r.patterns&Tokens != 0 {
		return f.pem(i)
	}
	if i == 0 {
		return 1
	}
	before := f.s[i-1]
	if f.s[i] == '-' && before == '-' {
		if i > 1 && f.s[i-2] == '-' {
			return i + 1
		}
		return f.flag(i)
	}
	for _, p := range f.r.prefixes[before] {
		from := i + 1 - len(p.text)
		if from < 0 || f.s[from:i+1] != p.text || f.wordBefore(from) {
			continue
		}
		if end := f.tokenEnd(i + 1); end-i-1 >= p.min {
			return f.add(span{from: from, to: end, kind: kindToken})
		}
	}
	return i + 1
}

// pem takes the private key that begins at i.
func (f *seeker) pem(i int) int {
	end := f.pemEnd(i)
	if end == i {
		return i + len(pemBegin)
	}
	return f.add(span{from: i, to: end, kind: kindToken})
}

// pemEnd is the end of the private key that begins at i, and that of the text if its
// last line is not there. It is i if none begins there.
func (f *seeker) pemEnd(i int) int {
	after, ok := strings.CutPrefix(f.s[i:], pemBegin)
	if !ok {
		return i
	}
	label, rest, ok := strings.Cut(after, "-----")
	if !ok || !strings.HasSuffix(label, "PRIVATE KEY") && !strings.HasSuffix(label, "PRIVATE KEY BLOCK") {
		return i
	}
	_, behind, _ := strings.Cut(rest, pemEnd+label+"-----")
	return len(f.s) - len(behind)
}

// maxKeyLine is how long a line of a key may be with the blanks around it.
const maxKeyLine = 128

// isKeyLine reports whether a line may be one of a private key that was written line by
// line: it has nothing but as much base64 as all lines but the last one have there, in
// RFC 7468 (64), OpenSSH (70) or MIME (76). Hashes in hex are as long, and are none.
func isKeyLine(s string) bool {
	if n := len(s); n != 64 && n != 70 && n != 76 {
		return false
	}
	s = strings.TrimRight(s, "=")
	var upper, lower, other bool
	for i := range len(s) {
		switch c := s[i]; {
		case c-'A' < 26:
			upper = true
			other = other || c > 'F'
		case c-'a' < 26:
			lower = true
			other = other || c > 'f'
		case !isDigit(c) && c != '+' && c != '/':
			return false
		}
	}
	return upper && lower && other && strings.ContainsAny(s, "0123456789")
}

// tokenEnd is the end of a token some of whose bytes begin at i: without a full
// stop that ends a sentence.
func (f *seeker) tokenEnd(i int) int {
	end := f.run(i, &isToken)
	for end > i && f.s[end-1] == '.' {
		end--
	}
	return end
}

// letter looks at a letter that may begin a token, or stand in its prefix.
func (f *seeker) letter(i int) int {
	s := f.s[i:]
	switch f.s[i] {
	case 'J': // eyJ is the base64 of {" and so the beginning of a JSON web token
		if i >= 2 && f.s[i-2:i] == "ey" {
			return f.token(i-2, 20)
		}
	case 'A':
		if strings.HasPrefix(s, "AIza") { // Google
			return f.token(i, 35)
		}
		if strings.HasPrefix(s, "AKIA") || strings.HasPrefix(s, "ASIA") { // AWS
			return f.accessKey(i)
		}
	case 'S':
		if strings.HasPrefix(s, "SG.") && !f.wordBefore(i) { // SendGrid
			return f.token(i, 40)
		}
	case 'v':
		if strings.HasPrefix(s, "vs.") && i > 0 && f.s[i-1] == 'h' { // Vault
			return f.token(i-1, 24)
		}
	case 'y':
		if strings.HasPrefix(s, "ya29.") { // OAuth of Google
			return f.token(i, 20)
		}
	case 'B', 'b':
		if len(s) > 6 && (s[1] == 'e' || s[1] == 'E' || s[1] == 'a' || s[1] == 'A') && !f.wordBefore(i) {
			return f.bearer(i)
		}
	}
	return i + 1
}

// token takes what begins at i for a token, if it is long enough.
func (f *seeker) token(i, least int) int {
	end := f.tokenEnd(i)
	if end-i < least {
		return i + 3 // not into the same prefix again
	}
	return f.add(span{from: i, to: end, kind: kindToken})
}

// accessKey takes the identifier of an AWS key, which is 20 capitals and digits.
func (f *seeker) accessKey(i int) int {
	end := i
	for end < len(f.s) && (isDigit(f.s[end]) || f.s[end]-'A' < 26) {
		end++
	}
	if end-i < 20 {
		return i + 1
	}
	return f.add(span{from: i, to: end, kind: kindToken})
}

// bearer looks for the word Bearer or Basic at i and what is secret behind it.
func (f *seeker) bearer(i int) int {
	word := f.run(i, &isWord)
	if word == len(f.s) || f.s[word] != ' ' {
		return i + 1
	}
	v := word + 1
	end := f.tokenEnd(v)
	switch secret := f.s[v:end]; {
	case strings.EqualFold(f.s[i:word], "bearer"):
		if len(secret) < 20 && (len(secret) < 8 || !strings.ContainsAny(secret, "0123456789")) {
			return i + 1 // "bearer authentication"
		}
	case !strings.EqualFold(f.s[i:word], "basic") || !isUserPassword(secret):
		return i + 1
	}
	return f.add(span{from: v, to: end})
}

// isUserPassword reports whether s is the base64 of user:password (RFC 7617), or
// too long to look.
func isUserPassword(s string) bool {
	var buf [128]byte
	s = strings.TrimRight(s, "=")
	if base64.RawStdEncoding.DecodedLen(len(s)) > len(buf) {
		return true
	}
	n, err := base64.RawStdEncoding.Decode(buf[:], []byte(s))
	return err == nil && strings.Contains(string(buf[:n]), ":")
}
