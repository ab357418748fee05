package process

// A Severity is how bad what a line tells is. Severities can be compared; the
// zero Severity is [SeverityUnknown].
type Severity uint8

// The severities, by the names that Loki and Grafana have for them.
const (
	SeverityUnknown Severity = iota
	SeverityTrace
	SeverityDebug
	SeverityInfo
	SeverityWarn
	SeverityError
	SeverityCritical
	SeverityFatal

	severities // how many there are
)

// String is "trace", "debug", "info", "warn", "error", "critical" or "fatal", and
// "" for SeverityUnknown.
func (s Severity) String() string {
	if s >= severities {
		return ""
	}
	return [...]string{"", "trace", "debug", "info", "warn", "error", "critical", "fatal"}[s]
}

// longestSeverity is the length of the longest word that ParseSeverity knows.
const longestSeverity = len("informational")

// ParseSeverity returns what a word such as "WARNING" or "err" stands for, in
// upper or lower case: the names of severities and what loggers shorten them to,
// those of syslog (RFC 5424, section 6.2.1), of java.util.logging and of klog. It
// returns SeverityUnknown for all else, numbers among them.
func ParseSeverity(word string) Severity { return severityOf(word) }

func severityOf[T string | []byte](word T) Severity {
	if len(word) > longestSeverity {
		return SeverityUnknown
	}
	var lower [longestSeverity]byte
	for i := range len(word) {
		if lower[i] = word[i]; 'A' <= word[i] && word[i] <= 'Z' {
			lower[i] |= 0x20
		}
	}
	switch string(lower[:len(word)]) {
	case "trace", "trc", "verbose", "finer", "finest", "t":
		return SeverityTrace
	case "debug", "dbg", "fine", "d":
		return SeverityDebug
	case "info", "inf", "information", "informational", "notice", "i":
		return SeverityInfo
	case "warn", "wrn", "warning", "w":
		return SeverityWarn
	case "error", "err", "severe", "e":
		return SeverityError
	case "critical", "crit", "alert":
		return SeverityCritical
	case "fatal", "ftl", "emerg", "emergency", "panic", "f":
		return SeverityFatal
	}
	return SeverityUnknown
}

// syslogSeverity is what a severity of syslog stands for, of which 0 is the worst.
func syslogSeverity(n int) Severity {
	return [8]Severity{SeverityFatal, SeverityCritical, SeverityCritical, SeverityError,
		SeverityWarn, SeverityInfo, SeverityInfo, SeverityDebug}[n&7]
}

// numericSeverity is what a level that is written as a number stands for: in
// tens, from 10 for trace to 60 for fatal, as bunyan and pino have it; and below,
// as in syslog and GELF.
func numericSeverity(text []byte) Severity {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' || n > 100 {
			return SeverityUnknown
		}
		n = n*10 + int(c-'0')
	}
	switch {
	case len(text) == 0:
		return SeverityUnknown
	case n < 8:
		return syslogSeverity(n)
	case n < 10 || n >= 70:
		return SeverityUnknown
	}
	return [...]Severity{SeverityTrace, SeverityDebug, SeverityInfo, SeverityWarn, SeverityError, SeverityFatal}[n/10-1]
}

// levelOf is what text, the value of a level, stands for.
func levelOf[T string | []byte](text T) Severity {
	if s := severityOf(text); s != SeverityUnknown {
		return s
	}
	if len(text) > 0 && len(text) < 3 && text[0] <= '9' {
		return numericSeverity([]byte(text))
	}
	return SeverityUnknown
}
