package process

// levelHead is how far into a line that is text a level is looked for.
const levelHead = 128

// detectLevel returns the level that a line tells, in a field perhaps.
func detectLevel(line []byte, fields fieldNames) (s Severity) {
	if len(line) == 0 {
		return SeverityUnknown
	}
	take := func(v value) bool {
		s = levelOf(v.text)
		return s != SeverityUnknown
	}
	switch line[0] {
	case '<':
		if s, n := priority(line); n > 0 {
			return s
		}
	case '{':
		if fields.json(line, take) {
			return s
		}
	case 'I', 'W', 'E', 'F':
		if klog(line) {
			return severityOf(line[:1])
		}
	}
	if fields.logfmt(line, take) {
		return s
	}
	return wordLevel(line[:min(len(line), levelHead)])
}

// priority reads what a syslog message begins with, and says how long that is:
// <13>, of which the lowest three bits are the severity. See RFC 5424, section
// 6.2.1.
func priority(line []byte) (s Severity, length int) {
	n, i := 0, 1
	for ; i < len(line) && i < 5 && '0' <= line[i] && line[i] <= '9'; i++ {
		n = n*10 + int(line[i]-'0')
	}
	if i == 1 || n > 191 || i >= len(line) || line[i] != '>' {
		return SeverityUnknown, 0
	}
	return syslogSeverity(n), i + 1
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

// wordLevel looks for the name of a severity: in upper case, or in any case between
// brackets, or before a colon at the beginning or behind another colon. Text in
// lower case says "no error" as well as "error".
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

// levelInitials are the letters that names of severities begin with, as bits, of
// which the lowest is that of a.
const levelInitials = 1 | 1<<('c'-'a') | 1<<('d'-'a') | 1<<('e'-'a') | 1<<('f'-'a') | 1<<('i'-'a') | 1<<('n'-'a') |
	1<<('p'-'a') | 1<<('s'-'a') | 1<<('t'-'a') | 1<<('v'-'a') | 1<<('w'-'a')

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
	if behind == ':' && (from == 0 || before == ' ' && from > 1 && head[from-2] == ':') {
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
