package process

import (
	"strings"

	"github.com/logferry/logferry/source/record"
)

// maxWord is how long a word is that is not cut in two.
const maxWord = 256

// cutWord returns the first longest bytes of a text that is longer, without the word
// they end in, if that begins in their second half. A Redactor that comes next could
// not tell half a secret: most are known by their length, their check digit or what
// stands behind them. What has no words is cut where it is too long, and never within
// a character.
func cutWord(text []byte, longest int) []byte {
	if len(text) <= longest {
		return text
	}
	head := record.Cut(text, longest)
	least := max(len(head)/2, len(head)-maxWord)
	for _, ends := range [...]string{" \t\r\n\"'`<>", ",;&|()[]{}"} { // a password may hold the latter
		for n := len(head); n > least; n-- {
			if strings.IndexByte(ends, head[n-1]) >= 0 {
				n = beforeDigits(head, n, least)
				return head[:n:n]
			}
		}
	}
	return head
}

// beforeDigits returns n, behind which a word begins in head, or where the groups of
// digits begin that are before it, if that may go on with another one: so cards have
// their numbers.
func beforeDigits(head []byte, n, least int) int {
	if n < len(head) && !isDigit(head[n]) {
		return n
	}
	for {
		from := n - 1
		for from > least && isDigit(head[from-1]) {
			from--
		}
		if n-1-from < 3 || from == least || head[from-1] != ' ' {
			return n
		}
		n = from
	}
}
