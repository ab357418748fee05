package process

import (
	"net/netip"
	"slices"
	"strings"
)

// digits looks at the run of digits that begins at i.
func (f *seeker) digits(i int) int {
	end := i + 1
	for end < len(f.s) && isDigit(f.s[end]) {
		end++
	}
	if f.wordBefore(i) || f.signBefore(i) {
		return end
	}
	if n := end - i; n <= 3 {
		if f.r.patterns&IPs != 0 && end < len(f.s) && f.s[end] == '.' {
			return f.ip4(i, end)
		}
	} else if n <= maxCard && f.r.patterns&Cards != 0 {
		return f.card(i, end)
	}
	return end
}

// signBefore reports whether a '-' before i is no dash between digits: negative
// numbers, such as identifiers of 64 bits, are none of a card.
func (f *seeker) signBefore(i int) bool {
	return i > 0 && f.s[i-1] == '-' && (i == 1 || !isWord[f.s[i-2]])
}

// A card number has that many digits (ISO/IEC 7812).
const (
	minCard = 13
	maxCard = 19
)

// card looks for a card number in the digits from i to end and in groups of at least
// three that follow, each behind one blank or dash. It returns where the
// number ends, or else end.
func (f *seeker) card(i, end int) int {
	if !isIssuer(f.s[i : i+4]) {
		return end
	}
	var number [maxCard]byte
	n, found := 0, 0
	for from, to := i, end; n+to-from <= maxCard; {
		n += copy(number[n:], f.s[from:to])
		if !f.wordAt(to) && isCard(number[:n]) {
			found = to
		}
		if to+1 >= len(f.s) || f.s[to] != ' ' && f.s[to] != '-' {
			break
		}
		from = to + 1
		for to = from; to < len(f.s) && isDigit(f.s[to]); to++ {
		}
		if to-from < 3 {
			break
		}
	}
	if found == 0 {
		return end
	}
	return f.add(span{from: i, to: found, kind: kindCard})
}

// isIssuer reports whether a card number may begin with these four digits:
// Visa, Mastercard, American Express, Diners Club, JCB, Discover, Maestro and
// UnionPay.
func isIssuer(s string) bool {
	n := int(s[0]-'0')*1000 + int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
	switch n / 1000 {
	case 4:
		return true
	case 2:
		return n >= 2221 && n <= 2720
	case 3:
		two := n / 100
		return two == 34 || two == 37 || two == 36 || two == 38 || two == 30 || n >= 3528 && n <= 3589
	case 5:
		return n/100 <= 58
	case 6:
		two := n / 100
		return two == 60 || two == 62 || two == 64 || two == 65 || two == 63 || two == 67
	}
	return false
}

// isCard reports whether a number is as long as one of its issuer's, and its check
// digit is right (Luhn's formula, ISO/IEC 7812-1 annex B).
func isCard(digits []byte) bool {
	n := len(digits)
	if n < minCard || digits[0] == '4' && n != 13 && n != 16 && n != 19 || digits[0] == '2' && n != 16 {
		return false
	}
	if digits[0] == '3' && n < 14 || digits[0] == '5' && digits[1] > '0' && digits[1] < '6' && n != 16 {
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[n-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// ip4 looks for an IPv4 address whose first number stands from i to dot. Four
// numbers that are part of something longer are none.
func (f *seeker) ip4(i, dot int) int {
	if i > 0 && f.s[i-1] == '.' || !isOctet(f.s[i:dot]) {
		return dot
	}
	end := dot
	for range 3 {
		if end == len(f.s) || f.s[end] != '.' {
			return dot
		}
		from := end + 1
		for end = from; end < len(f.s) && isDigit(f.s[end]); end++ {
		}
		if !isOctet(f.s[from:end]) {
			return dot
		}
	}
	if f.wordAt(end) || end+1 < len(f.s) && f.s[end] == '.' && isDigit(f.s[end+1]) {
		return dot
	}
	return f.add(span{from: i, to: end, kind: kindIP})
}

func isOctet(s string) bool {
	switch len(s) {
	case 1, 2:
		return true
	case 3:
		return s <= "255"
	}
	return false
}

// maxAddr is the longest text of an IPv6 address.
const maxAddr = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// ip6 looks for an IPv6 address whose first ':' is at i and returns its end, or i.
func (f *seeker) ip6(i int) int {
	from := i
	for from > 0 && i-from <= 4 && isHex[f.s[from-1]] {
		from--
	}
	if f.wordBefore(from) || from > 0 && (f.s[from-1] == ':' || f.s[from-1] == '.') {
		return i
	}
	end, colons, double := from, 0, false
	for ; end < len(f.s) && end-from <= maxAddr && (isHex[f.s[end]] || f.s[end] == ':' || f.s[end] == '.'); end++ {
		if f.s[end] == ':' {
			colons++
			double = double || end > from && f.s[end-1] == ':'
		}
	}
	for end > i && f.s[end-1] == '.' || end > i+2 && f.s[end-1] == ':' && f.s[end-2] != ':' {
		end--
	}
	if !double && colons < 7 || end-from < 3 || f.wordAt(end) {
		return i
	}
	if a, err := netip.ParseAddr(f.s[from:end]); err != nil || !a.Is6() {
		return i
	}
	return f.add(span{from: from, to: end, kind: kindIP})
}

// unitKinds are the ends of names of systemd units, which look like addresses:
// getty@tty1.service.
var unitKinds = []string{".service", ".socket", ".scope", ".slice", ".target", ".timer", ".mount", ".path"}

// email looks for an e-mail address around the '@' that stands from i to at: that is
// one byte, or three in a URL.
func (f *seeker) email(i, at int) int {
	from := i
	for from > 0 && i-from < maxLocal && (isLocal[f.s[from-1]] || f.s[from-1] >= 0x80) {
		from--
	}
	end := at + 1
	for end < len(f.s) && (isWord[f.s[end]] || f.s[end] == '-' || f.s[end] == '.' || f.s[end] >= 0x80) {
		end++
	}
	for end > at+1 && (f.s[end-1] == '.' || f.s[end-1] == '-') {
		end--
	}
	domain := f.s[at+1 : end]
	dot := strings.LastIndexByte(domain, '.')
	if from == i || dot < 1 || len(domain)-dot < 3 || isDigit(domain[dot+1]) || slices.Contains(unitKinds, domain[dot:]) {
		return i + 1
	}
	return f.add(span{from: from, to: end, kind: kindEmail})
}

// maxLocal is how much is looked at before an '@'. A local part has 64 bytes at most
// (RFC 5321, 4.5.3.1.1).
const maxLocal = 256

// isLocal are the bytes of a local part that needs no quotes (RFC 5322, atext and
// '.'), without those that stand around addresses more often than in them.
var isLocal = class("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.!#$%&*+-^_~")
