package process

import "strings"

// userInfo looks for name:password@ in the URL whose ':' is at i and whose
// authority begins at j (RFC 3986, 3.2). The whole of it goes: a token may stand in
// either place. What should have been escaped, and was not, is in it as well.
func (f *seeker) userInfo(i, j int) int {
	end, at := j, -1
	for ; end < len(f.s) && f.inURL(end) && strings.IndexByte("/?#", f.s[end]) < 0; end++ {
		if f.s[end] == '@' {
			at = end
		}
	}
	if at < 0 && f.noPort(f.s[j:end]) {
		for far := min(len(f.s), end+maxPassword); end < far && f.inURL(end); end++ {
			if f.s[end] == '@' {
				at = end
			}
		}
	}
	if at < 0 {
		if f.r.patterns&Tokens != 0 && end < len(f.s) {
			return f.webhook(i, j, end)
		}
		return i + 1
	}
	return max(f.add(span{from: j, to: at}), i+1)
}

// at looks at the '@' at i: whether it is part of a data source name, or of an e-mail
// address.
func (f *seeker) at(i int) int {
	if n := len(f.found); n > 0 && f.found[n-1].to == i {
		return i + 1 // behind the user information of a URL: a host
	}
	if f.r.patterns&Credentials != 0 {
		if from := f.source(i); from < i {
			return max(f.add(span{from: from, to: i}), i+1)
		}
	}
	if f.r.patterns&Emails != 0 {
		return f.email(i, i)
	}
	return i + 1
}

// source is where name:password begins before the '@' at i, if that is one of a data
// source name, or else i:
//
//	name:password@tcp(host:3306)/database
//
// as github.com/go-sql-driver/mysql has it. Nothing is escaped in there, so a password
// has all there is up to a blank or quote.
func (f *seeker) source(i int) int {
	network := f.run(i+1, &isName)
	if network == i+1 || network == len(f.s) || f.s[network] != '(' {
		return i
	}
	address := f.s[network:min(len(f.s), network+maxPassword)]
	end := strings.IndexByte(address, ')')
	if name := f.s[i+1 : network]; name != "tcp" && name != "unix" && (end < 0 || !strings.HasPrefix(address[end+1:], "/")) {
		return i
	}
	from := i
	for from > 0 && i-from < maxPassword && !isBlank(f.s[from-1]) && !isQuote(f.s[from-1]) {
		from--
	}
	if f.pairAt(from) {
		from += strings.IndexByte(f.s[from:], '=') + 1
	}
	if s := f.s[from:i]; !strings.Contains(s, ":") || f.r.isMark(s[strings.LastIndexByte(s, '/')+1:]) {
		return i
	}
	return from
}

// webhooks are where the path of a URL is a secret.
var webhooks = []struct{ host, path string }{
	{"hooks.slack.com", "/services/"}, {"hooks.slack.com", "/workflows/"}, {"api.telegram.org", "/bot"},
	{"discord.com", "/api/webhooks/"}, {"discordapp.com", "/api/webhooks/"},
}

// webhook takes the path of a URL for a secret, whose ':' is at i and whose host
// stands from j to end, if it is known to be one.
func (f *seeker) webhook(i, j, end int) int {
	for _, w := range webhooks {
		if f.s[j:end] != w.host || !strings.HasPrefix(f.s[end:], w.path) {
			continue
		}
		to := end
		for to < len(f.s) && f.inURL(to) {
			to++
		}
		return f.add(span{from: end + len(w.path), to: to, kind: kindToken})
	}
	return i + 1
}

// maxPassword is how far a password is looked for beyond the authority of a URL.
const maxPassword = 512

// inURL reports whether the byte at i may belong to a URL that began before.
func (f *seeker) inURL(i int) bool {
	c := f.s[i]
	return !isBlank(c) && !isQuote(c) && c != '<' && c != '>' && c != '\\'
}

// noPort reports whether what follows the ':' in an authority cannot be a port:
// it is the beginning of a password then.
func (f *seeker) noPort(authority string) bool {
	_, port, ok := strings.Cut(authority, ":")
	if !ok || authority[0] == '[' {
		return false
	}
	return trimNumber(port) != ""
}
