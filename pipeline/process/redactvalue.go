package process

import "strings"

// flag looks at a name behind the two dashes that end at i, and a blank behind it:
// --password hunter2.
func (f *seeker) flag(i int) int {
	end := i + 1
	for end < len(f.s) && end-i <= maxName && isName[f.s[end]] {
		end++
	}
	if end == len(f.s) || f.s[end] != ' ' || strings.HasPrefix(f.s[end+1:], "-") || !f.r.isSecret(f.s[i+1:end]) {
		return i + 1
	}
	return f.value(end+1, f.s[i+1:end], "")
}

// element looks at the '>' at i: whether it ends the tag of an element of XML whose
// text is secret.
func (f *seeker) element(i int) int {
	from := i
	for from > 0 && i-from < maxName && isName[f.s[from-1]] {
		from--
	}
	if from == 0 || f.s[from-1] != '<' && f.s[from-1] != ':' || !f.r.isSecret(f.s[from:i]) {
		return i + 1
	}
	end := len(f.s)
	if n := strings.IndexByte(f.s[i:], '<'); n >= 0 {
		end = i + n
	}
	return f.add(span{from: i + 1, to: end})
}

// percent looks at the '%' at i: whether it stands for '=' or '@' in a URL.
func (f *seeker) percent(i int) int {
	s := f.s[i:]
	if len(s) < 3 {
		return i + 1
	}
	switch {
	case s[:3] == "%40" && f.r.patterns&Emails != 0:
		return f.email(i, i+2)
	case s[1] == '3' && s[2]|0x20 == 'd':
		if name, _ := f.nameBefore(i); f.r.isSecret(name) {
			return f.value(i+3, name, "")
		}
	}
	return i + 1
}

// separator looks at the '=' or ':' at i: whether the name before it says that
// what follows is secret.
func (f *seeker) separator(i int) int {
	if f.s[i] == ':' {
		if end := f.colon(i); end > i {
			return end
		}
	}
	if i < 2 || f.s[i-1]|0x20-'a' < 26 && f.s[i-2]|0x20-'a' < 26 && f.r.ends[endOf(f.s[i-2], f.s[i-1])] == 0 {
		return i + 1 // nearly always
	}
	name, quote := f.nameBefore(i)
	if !f.r.isSecret(name) {
		return i + 1
	}
	return f.value(i+1, name, quote)
}

// colon looks at the ':' at i as part of a URL or an address. It returns i if it is
// none of what is looked for.
func (f *seeker) colon(i int) int {
	if i+1 == len(f.s) {
		return i
	}
	switch next := f.s[i+1]; {
	case (next == '/' || next == '\\') && f.r.patterns&Credentials != 0:
		if strings.HasPrefix(f.s[i+1:], "//") {
			return f.userInfo(i, i+3)
		}
		if strings.HasPrefix(f.s[i+1:], `\/\/`) { // as PHP writes JSON
			return f.userInfo(i, i+5)
		}
	case f.r.patterns&IPs != 0 && (next == ':' || i > 0 && isHex[f.s[i-1]]):
		return f.ip6(i)
	}
	return i
}

// nameBefore is the name that ends before i, if its end is one of a secret name,
// and the quote behind it with its backslashes, if there is one: name, "name",
// \"name\" in JSON within JSON, form[name].
func (f *seeker) nameBefore(i int) (name, quote string) {
	end := i
	for end > 0 && i-end < maxName && (f.s[end-1] == ' ' || f.s[end-1] == '\t') {
		end--
	}
	if end > 0 && isQuote(f.s[end-1]) {
		to := end
		for end--; end > 0 && f.s[end-1] == '\\'; end-- {
		}
		quote = f.s[end:to]
	} else if end > 0 && f.s[end-1] == ']' {
		end--
	} else if strings.HasSuffix(f.s[:end], "%5D") || strings.HasSuffix(f.s[:end], "%5d") {
		end -= 3
	}
	last := end
	for last > 0 && isDigit(f.s[last-1]) && end-last < maxName {
		last--
	}
	if last < 2 || f.r.ends[endOf(f.s[last-2], f.s[last-1])] == 0 {
		return "", ""
	}
	from := last
	for from > 0 && last-from < maxName && isName[f.s[from-1]] {
		from--
	}
	return f.s[from:end], quote
}

// value takes what begins at i for the value of a secret name, whose quote was
// quote.
func (f *seeker) value(i int, name, quote string) int {
	v := i
	for v < len(f.s) && v-i < 2 && (f.s[v] == '=' || f.s[v] == '>' || f.s[v] == ':') { // =>, :=, ==
		v++
	}
	blank := v
	for v < len(f.s) && (f.s[v] == ' ' || f.s[v] == '\t') {
		v++
	}
	if v == len(f.s) || v > blank && f.s[i-1] == '=' && quote == "" && f.pairAt(v) {
		return v // "password= user=x": there is none
	}
	if end := f.markAt(v); end > v {
		return end
	}
	header := hasSuffixFold(name, "authorization")
	if from, end, after, ok := f.quoted(v); ok {
		if header {
			f.scheme(from, end, end)
		} else {
			f.add(span{from: from, to: end})
		}
		return max(after, i)
	}
	x := span{from: v, quote: quote}
	switch c := f.s[v]; {
	case c == '{' || c == '[':
		if x.to = f.bracketed(v); quote == "" && f.goesOn(x.to) {
			x.to = f.bareEnd(x.to)
		}
	case header:
		return f.goOn(f.scheme(v, len(f.s), -1), i)
	case f.s[i-1] == ':' && hasSuffixFold(name, "cookie"):
		x.quote, x.to = "", f.cookieEnd(v)
	case strings.HasSuffix(quote, `"`):
		if x.to = f.scalarEnd(v); isNothing(f.s[v:x.to]) {
			return x.to
		}
	default:
		x.quote = ""
		if x.to = f.bareEnd(v); isNothing(f.s[v:x.to]) || f.isType(v, x.to, name) {
			return max(x.to, i)
		}
		x.to = f.wordsEnd(v, x.to, i-1, name)
	}
	x.to = f.keyEnd(x.from, x.to)
	return f.goOn(f.add(x), i)
}

// goesOn reports whether what stands at i belongs to the value before it, which ends in
// a bracket: that may be part of a password.
func (f *seeker) goesOn(i int) bool {
	return i < len(f.s) && !isBlank(f.s[i]) && !isQuote(f.s[i]) && strings.IndexByte(")]},;&<", f.s[i]) < 0
}

// goOn is where to look on behind a bare value that began at i or later and ends at
// end: at its last byte, if that is a separator and has the end of a name before it.
func (f *seeker) goOn(end, i int) int {
	if end > i && (f.s[end-1] == '=' || f.s[end-1] == ':') {
		return end - 1
	}
	return max(end, i)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// cookieEnd is the end of the value of a Cookie or Set-Cookie header that begins at
// i: of the line, or at a quote that is not part of a cookie (RFC 6265, 4.1.1).
func (f *seeker) cookieEnd(i int) int {
	from := i
	for i < len(f.s) && f.s[i] != '\n' {
		if !isQuote(f.s[i]) {
			i++
			continue
		}
		after, inner := f.quotedIn(from, i)
		if !inner {
			return f.beforeSlashes(from, i)
		}
		i = after
	}
	return i
}

// quotedIn reports whether the quote at i begins a value within the one that began
// at from, a="b", and where that ends: it must not be left either.
func (f *seeker) quotedIn(from, i int) (after int, inner bool) {
	quote := f.beforeSlashes(from, i)
	at := quote
	for at > from && (f.s[at-1] == ' ' || f.s[at-1] == '\t') {
		at--
	}
	if at == from || f.s[at-1] != '=' && f.s[at-1] != ':' {
		return i, false
	}
	_, _, after, inner = f.quoted(quote)
	return after, inner
}

// isNothing reports whether a bare value is no secret but the word for none.
func isNothing(s string) bool {
	switch s {
	case "null", "nil", "<nil>", "true", "false":
		return true
	}
	return false
}

// isType reports whether the bare value from v to end is the name of a type, which is that
// of the field: Token: Token { kind: … }, as Java and Rust print objects.
func (f *seeker) isType(v, end int, name string) bool {
	return strings.HasPrefix(f.s[end:], " {") && strings.EqualFold(f.s[v:end], name)
}

// quoted is what stands between quotes at i: in f.s[from:end], and after is behind
// the quote. Where no quote ends it, it goes on to the end.
//
// Text quoted within quoted text has backslashes before its quotes, n = 2^k-1 of
// them at depth k. There a quote is part of the text if it has n of its own and
// as many as it takes to escape it: if their number is 2n+1 modulo 2n+2. One before a
// letter or digit ends nothing: 'it's'.
func (f *seeker) quoted(i int) (from, end, after int, ok bool) {
	at := i
	for at < len(f.s) && f.s[at] == '\\' {
		at++
	}
	if at == len(f.s) || !isQuote(f.s[at]) {
		return 0, 0, 0, false
	}
	n, quote := at-i, f.s[at]
	from = at + 1
	slashes := 0
	for at = from; at < len(f.s); at++ {
		switch {
		case f.s[at] == '\\':
			slashes++
			continue
		case f.s[at] == quote && slashes%(2*n+2) != 2*n+1 && (at+1 == len(f.s) || !isWord[f.s[at+1]]):
			return from, at - min(slashes, n), at + 1, true
		}
		slashes = 0
	}
	return from, len(f.s), len(f.s), true
}

// bracketed is the end of the object or array that begins at i: all that is in
// it is secret. Where it does not end, neither does the secret.
func (f *seeker) bracketed(i int) int {
	depth := 0
	for at := i; at < len(f.s); {
		switch c := f.s[at]; c {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		case '"', '\\':
			if _, _, after, ok := f.quoted(at); ok {
				at = after
				continue
			}
			for at+1 < len(f.s) && f.s[at+1] == '\\' {
				at++
			}
		}
		at++
	}
	return len(f.s)
}

// scalarEnd is the end of a number or word of JSON that begins at i.
func (f *seeker) scalarEnd(i int) int {
	for i < len(f.s) && !isBlank(f.s[i]) && strings.IndexByte(`,}]"\`, f.s[i]) < 0 {
		i++
	}
	return i
}

// bareEnd is the end of a value without quotes that begins at i: a blank, a
// quote, or the beginning of the next pair.
func (f *seeker) bareEnd(i int) int {
	for from := i; i < len(f.s); i++ {
		switch c := f.s[i]; {
		case isBlank(c):
			return i
		case isQuote(c):
			if after, inner := f.quotedIn(from, i); inner {
				i = after - 1
			} else if i+1 == len(f.s) || !isWord[f.s[i+1]] {
				return f.beforeSlashes(from, i)
			}
		case c == '&' || c == ',' || c == ';':
			if i+1 == len(f.s) || isBlank(f.s[i+1]) || f.pairAt(i+1) {
				return i
			}
		}
	}
	return i
}

// beforeSlashes is i without the backslashes before it, which belong to a quote
// there.
func (f *seeker) beforeSlashes(from, i int) int {
	if i < len(f.s) && isQuote(f.s[i]) {
		for i > from && f.s[i-1] == '\\' {
			i--
		}
	}
	return i
}

// pairAt reports whether name= begins at i.
func (f *seeker) pairAt(i int) bool {
	end := i
	for end < len(f.s) && end-i < maxName && (isName[f.s[end]] || strings.IndexByte("[]%", f.s[end]) >= 0) {
		end++
	}
	return end > i && end < len(f.s) && f.s[end] == '='
}

// lineEnd is the end of the line of a text that i is in.
func (f *seeker) lineEnd(i int) int {
	if n := strings.IndexByte(f.s[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(f.s)
}

// oneWord are the schemes of HTTP authentication after which one word stands.
var oneWord = []string{"bearer", "basic", "token", "negotiate", "ntlm", "apikey", "bot", "jwt", "key"}

// scheme takes f.s[from:end] for the value of an Authorization header. Of what
// follows a scheme it does not know it leaves nothing up to all, or, if that is
// negative, to the end of the line.
func (f *seeker) scheme(from, end, all int) int {
	word := from
	for word < end && !isBlank(f.s[word]) && !isQuote(f.s[word]) {
		word++
	}
	if word == end || f.s[word] != ' ' {
		return f.add(span{from: from, to: min(end, f.keyEnd(from, f.beforeSlashes(from, word)))})
	}
	for _, name := range oneWord {
		if strings.EqualFold(f.s[from:word], name) {
			return f.add(span{from: word + 1, to: min(end, f.keyEnd(word+1, f.bareEnd(word+1)))})
		}
	}
	if all < 0 {
		all = f.lineEnd(from)
	}
	return f.add(span{from: from, to: min(end, f.keyEnd(from, all))})
}
