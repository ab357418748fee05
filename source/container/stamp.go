package container

import (
	"time"

	"github.com/logferry/logferry/source/record"
)

const (
	// fixed is the form in which the engine writes times (RFC3339NanoFixed of
	// moby's pkg/jsonmessage), in UTC as a rule.
	fixed = "2006-01-02T15:04:05.000000000Z "
	// maxStamp is how long the time in front of a message may be: engines before
	// 23.0 write it in a zone of their own for the driver local.
	maxStamp = len("2006-01-02T15:04:05.000000000+07:00 ")
	// Between minYear and maxYear every time fits into 64 bits of nanoseconds.
	minYear, maxYear = 1678, 2261
)

// stamps reads the time in front of each message. Most are of the same second as
// the one before.
type stamps struct {
	prefix [len("2006-01-02T15:04:05.")]byte
	second int64 // that prefix stands for
}

func (s *stamps) take(b []byte) (ns int64, rest []byte, ok bool) {
	n := len(s.prefix)
	if len(b) >= len(fixed) && b[len(fixed)-1] == ' ' && b[len(fixed)-2] == 'Z' && string(b[:n]) == string(s.prefix[:]) {
		if ns, ok = nanos(b[n : n+9]); ok {
			return s.second + ns, b[len(fixed):], true
		}
	}
	return s.parse(b)
}

func nanos(digits []byte) (ns int64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		ns = ns*10 + int64(c-'0')
	}
	return ns, true
}

// parse reads a time of any form, and remembers its second if it is of the
// usual one.
func (s *stamps) parse(b []byte) (ns int64, rest []byte, ok bool) {
	for end, c := range b[:min(len(b), maxStamp)] {
		if c != ' ' {
			continue
		}
		t, ok := record.ParseTime(b[:end])
		if !ok || t.Year() < minYear || t.Year() > maxYear {
			return 0, nil, false
		}
		if end == len(fixed)-1 && b[end-1] == 'Z' {
			copy(s.prefix[:], b)
			s.second = t.Truncate(time.Second).UnixNano()
		}
		return t.UnixNano(), b[end+1:], true
	}
	return 0, nil, false
}
