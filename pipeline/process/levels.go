package process

import (
	"bytes"

	"github.com/logferry/logferry/internal/jsonscan"
)

const (
	// levelHead is how far into a line that is text a level is looked for.
	levelHead = 128
	// levelFieldsHead is how far fields are looked for.
	levelFieldsHead = 4 << 10
)

// levelFields are the names of fields that hold a level.
type levelFields []string

// is reports whether name is one of them, in whatever case.
func (l levelFields) is(name []byte) bool {
	for _, f := range l {
		if len(f) == len(name) && f[0]|0x20 == name[0]|0x20 && bytes.EqualFold([]byte(f), name) {
			return true
		}
	}
	return false
}

// detect returns the level that a line tells.
func (l levelFields) detect(line []byte) Severity {
	if len(line) == 0 {
		return SeverityUnknown
	}
	switch line[0] {
	case '<':
		if s, ok := priority(line); ok {
			return s
		}
	case '{':
		if s := l.json(line); s != SeverityUnknown {
			return s
		}
	case 'I', 'W', 'E', 'F':
		if klog(line) {
			return severityOf(line[:1])
		}
	}
	if s := l.logfmt(line[:min(len(line), levelFieldsHead)]); s != SeverityUnknown {
		return s
	}
	return wordLevel(line[:min(len(line), levelHead)])
}

// priority reads what a syslog message begins with: <13>, of which the lowest
// three bits are the severity. See RFC 5424, section 6.2.1.
func priority(line []byte) (Severity, bool) {
	n, i := 0, 1
	for ; i < len(line) && i < 5 && '0' <= line[i] && line[i] <= '9'; i++ {
		n = n*10 + int(line[i]-'0')
	}
	if i == 1 || n > 191 || i >= len(line) || line[i] != '>' {
		return SeverityUnknown, false
	}
	return syslogSeverity(n), true
}

// klog reports whether line has the header of klog and glog: a letter, the month
// and the day, and a time.
func klog(line []byte) bool {
	const form = "Lmmdd hh:mm:"
	if len(line) < len(form) {
		return false
	}
	for i := 1; i < len(form); i++ {
		c := line[i]
		if form[i] >= 'a' && (c < '0' || c > '9') || form[i] < 'a' && c != form[i] {
			return false
		}
	}
	return true
}

// json looks for a field of an object, or of the object "log" in it. It does not
// look further than it has to.
func (l levelFields) json(line []byte) Severity {
	return l.object(&jsonscan.Scan{Rest: line[:min(len(line), levelFieldsHead)]}, true)
}

func (l levelFields) object(s *jsonscan.Scan, outer bool) Severity {
	for s.Take('{'); ; {
		key, ok := s.Quoted()
		if !ok || !s.Take(':') {
			return SeverityUnknown
		}
		if found := l.member(s, key, outer); found != SeverityUnknown {
			return found
		}
		if !s.Take(',') {
			s.Take('}')
			return SeverityUnknown
		}
	}
}

// member looks at a field called key, and takes its value if there is no level in
// it.
func (l levelFields) member(s *jsonscan.Scan, key []byte, outer bool) Severity {
	if c := s.Next(); outer && c == '{' && string(key) == "log" {
		return l.object(s, false)
	}
	all := s.Rest
	if !s.Skip(jsonscan.MaxDepth) || !l.is(key) {
		return SeverityUnknown
	}
	return levelOf(valueOf(all[:len(all)-len(s.Rest)]).text)
}

// logfmt looks for a field in logfmt. It looks at the equals signs alone, and only
// if there is a field goes through the line from its beginning, as it might stand
// between quotes.
func (l levelFields) logfmt(line []byte) Severity {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '=')
		if i < 0 {
			return SeverityUnknown
		}
		if i += from; l.endsIn(line[:i]) {
			return l.logfmtFields(line)
		}
		from = i + 1
	}
}

// endsIn reports whether head ends in one of the fields.
func (l levelFields) endsIn(head []byte) bool {
	for _, f := range l {
		at := len(head) - len(f)
		if at >= 0 && head[at]|0x20 == f[0]|0x20 && (at == 0 || head[at-1] <= ' ') && bytes.EqualFold(head[at:], []byte(f)) {
			return true
		}
	}
	return false
}

func (l levelFields) logfmtFields(line []byte) Severity {
	w := logfmtWalk{rest: line}
	for {
		key, v, state := w.next()
		if state != logfmtField {
			return SeverityUnknown
		}
		if l.is(key) {
			if s := levelOf(v.text); s != SeverityUnknown {
				return s
			}
		}
	}
}

// wordLevel looks for the name of a severity: in upper case, or in any case between
// brackets, or at the beginning before a colon. Text in lower case says "no error"
// as well as "error".
func wordLevel(head []byte) Severity {
	for i := 0; i < len(head); {
		initial := letter(head[i])
		if initial > 'z'-'a' {
			i = escapeEnd(head, i)
			continue
		}
		from := i
		for i < len(head) && letter(head[i]) <= 'z'-'a' {
			i++
		}
		if n := i - from; n < len("INF") || n > longestSeverity || levelInitials>>initial&1 == 0 || !level(head, from, i) {
			continue
		}
		if s := severityOf(head[from:i]); s != SeverityUnknown {
			return s
		}
	}
	return SeverityUnknown
}

// letter is which letter of the alphabet c is, in whatever case: 0 for a. What is
// none is more than 25.
func letter(c byte) byte { return (c | 0x20) - 'a' }

// escapeEnd returns where what is at i ends: one byte, or an escape sequence for a
// terminal.
func escapeEnd(head []byte, i int) int {
	if head[i] != 0x1b {
		return i + 1
	}
	for i++; i < len(head); i++ {
		if letter(head[i]) <= 'z'-'a' {
			return i + 1
		}
	}
	return i
}

// levelInitials are the letters that names of severities begin with, as bits.
const levelInitials = 1<<('t'-'a') | 1<<('v'-'a') | 1<<('f'-'a') | 1<<('d'-'a') | 1<<('i'-'a') | 1<<('n'-'a') |
	1<<('w'-'a') | 1<<('e'-'a') | 1<<('s'-'a') | 1<<('c'-'a') | 1<<('a'-'a') | 1<<('p'-'a')

// level reports whether the word from from to to stands where a level does.
func level(head []byte, from, to int) bool {
	before, behind := byte(' '), byte(' ')
	if from > 0 {
		before = head[from-1]
	}
	if to < len(head) {
		behind = head[to]
	} else if len(head) == levelHead {
		return false // it may go on
	}
	switch before {
	case '[', '(', '<':
		if behind == before+2 || behind == ')' || behind == ':' { // ] and > are two behind [ and <
			return true
		}
	case ' ', '\t', '"', '\'', '|', ':', '=', '{', ',', ';', '/', 'm': // m ends an escape sequence for colours
	default:
		return false
	}
	if from == 0 && behind == ':' {
		return true
	}
	switch behind {
	case ' ', '\t', '"', '\'', '|', ':', '=', '}', ',', ';', ']', ')', '>', '!', '[', '\r', 0x1b:
		return upper(head[from:to])
	}
	return false
}

func upper(word []byte) bool {
	for _, c := range word {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
