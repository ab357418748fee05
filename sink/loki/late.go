package loki

import (
	"strings"
	"time"
)

// A late is what Loki's ingester answers when entries of a stream are too far behind its newest one. It lists ten of
// them at most. See errorForFailedEntries in pkg/ingester/stream.go.
type late struct {
	listed []lateEntry
	total  int // entries refused
	of     int // entries that came as far as the ingester; zero: the body ends before it says
}

type lateEntry struct {
	at     time.Time
	cutoff time.Time // what would have been accepted, cut to seconds; zero: the reason is another one
	why    string
}

// stampLayout is that of time.Time.String.
const stampLayout = "2006-01-02 15:04:05.999999999 -0700 MST"

func (l *late) complete() bool { return l.of > 0 }

// beginning and between are what stands around the time of an entry that is listed.
const (
	beginning = "entry with timestamp "
	between   = " ignored, reason: '"
)

// saysStreamRate reports whether body lists an entry that was refused for the rate of its stream. Labels, which may have
// this text in them, come later in a line, and without line breaks.
func saysStreamRate(body string) bool {
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, beginning); ok {
			if _, why, _ := strings.Cut(rest, between); strings.HasPrefix(why, textStreamRate) {
				return true
			}
		}
	}
	return false
}

// parseLate reports whether body is of that kind.
func parseLate(body string, cut bool) (*late, bool) {
	if !strings.HasPrefix(body, beginning) {
		return nil, false
	}
	l := &late{}
	for {
		rest, ok := strings.CutPrefix(body, beginning)
		if !ok {
			break
		}
		line, rest, ok := strings.Cut(rest, "',\n")
		e, good := parseLateEntry(line)
		if !ok || !good {
			return l, true
		}
		l.listed = append(l.listed, e)
		body = rest
	}
	if rest, ok := strings.CutPrefix(body, "user '"); ok && !cut {
		l.parseTotal(rest)
	}
	return l, true
}

func parseLateEntry(line string) (e lateEntry, ok bool) {
	stamp, why, ok := strings.Cut(line, between)
	if !ok {
		return e, false
	}
	e.why = why
	var err error
	if e.at, err = time.Parse(stampLayout, stamp); err != nil {
		return e, false
	}
	if _, limit, ok := strings.Cut(why, "oldest acceptable timestamp is: "); ok {
		if t, rest, ok := cutTime(limit); ok && rest == "" {
			e.cutoff = t
		}
	}
	return e, true
}

// parseTotal reads the end of the body: x', total ignored: 12 out of 500 for stream: {…}.
func (l *late) parseTotal(s string) {
	_, s, ok := strings.Cut(s, "', total ignored: ")
	if !ok {
		return
	}
	total, s, ok := cutNumber(s)
	if !ok {
		return
	}
	if s, ok = strings.CutPrefix(s, " out of "); !ok {
		return
	}
	of, s, ok := cutNumber(s)
	if ok && strings.HasPrefix(s, " for stream: ") && total >= len(l.listed) && of >= total {
		l.total, l.of = total, of
	}
}
