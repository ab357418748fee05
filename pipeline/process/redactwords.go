package process

import "strings"

// wordsEnd is the end of a bare value of several words, whose first one stands from v
// to end and whose name ends before the separator at i. It is end where it is not known
// to go on.
func (f *seeker) wordsEnd(v, end, i int, name string) int {
	if to := f.groupsEnd(v); to > end {
		return to
	}
	if to := f.schemeEnd(v, end); to > end {
		return to
	}
	if isPhrase(name) && f.isField(i, name) {
		return f.phraseEnd(end)
	}
	return end
}

// keyEnd is the end of the private key that begins between from and to, if it goes on
// beyond that, and else to.
func (f *seeker) keyEnd(from, to int) int {
	near := min(len(f.s), to+len(pemBegin)-1)
	if at := strings.Index(f.s[from:near], pemBegin); at >= 0 {
		return max(to, f.pemEnd(from+at))
	}
	return to
}

// groupsEnd is the end of the card number that begins at v, or v.
func (f *seeker) groupsEnd(v int) int {
	end := v
	for end < len(f.s) && isDigit(f.s[end]) {
		end++
	}
	if n := end - v; n < 4 || n > maxCard || f.r.patterns&Cards == 0 {
		return v
	}
	return f.card(v, end)
}

// schemeEnd is the end of what follows the scheme of HTTP authentication that stands
// from v to end, or end: X-Auth-Token: Bearer abc.
func (f *seeker) schemeEnd(v, end int) int {
	if end+1 >= len(f.s) || f.s[end] != ' ' {
		return end
	}
	switch word := strings.ToLower(strings.TrimSuffix(f.s[v:end], ":")); word {
	case "bearer", "basic", "negotiate", "ntlm", "apikey":
	default:
		return end
	}
	if _, _, after, ok := f.quoted(end + 1); ok {
		return after
	}
	return f.bareEnd(end + 1)
}

// isPhrase reports whether the value of a secret name is one that people make up, and
// may have blanks.
func isPhrase(name string) bool {
	name = trimNumber(name)
	for _, end := range []string{"password", "passwd", "passphrase", "pwd", "pass"} {
		if hasSuffixFold(name, end) {
			return true
		}
	}
	return false
}

// isField reports whether the line of a text is that one field, as in YAML and the files
// of properties: the name before the separator at i begins it, with "name: " or "name = ".
func (f *seeker) isField(i int, name string) bool {
	if i+1 == len(f.s) || f.s[i+1] != ' ' || f.s[i] != ':' && (f.s[i] != '=' || f.s[i-1] != ' ') {
		return false
	}
	end := i
	for f.s[end-1] == ' ' {
		end--
	}
	from := end - len(name)
	if f.s[from:end] != name { // form[name]
		return false
	}
	for from > 0 && end-from < 2*maxName && strings.IndexByte(" \t-", f.s[from-1]) >= 0 {
		from--
	}
	return from == 0 || f.s[from-1] == '\n'
}

// phraseEnd is the end of a value that goes on behind its first word, which ends at end:
// that of the line, unless name=value follows.
func (f *seeker) phraseEnd(end int) int {
	next := end
	for next < len(f.s) && strings.IndexByte(" \t,;&", f.s[next]) >= 0 {
		next++
	}
	line := f.lineEnd(end)
	if next >= line || isQuote(f.s[next]) || f.pairAt(next) {
		return end
	}
	return end + len(strings.TrimRight(f.s[end:line], " \t\r"))
}
