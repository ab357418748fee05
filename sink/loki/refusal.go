package loki

import (
	"strings"
	"time"
)

// A reasonKind is one of the checks by which Loki refuses entries, in the order in which it makes them: an entry is
// refused for the first that it fails.
type reasonKind int

const (
	tooOld reasonKind = iota
	tooNew
	lineTooLong
	attrsDisallowed
	attrsTooLarge
	attrsTooMany
	reasonKinds // their number
)

// A reason is one of the texts in an answer 400 and says that count entries were refused because of it.
type reason struct {
	kind  reasonKind
	count int
	text  string

	at     time.Time // tooOld, tooNew: the time of each of these entries, cut to seconds
	oldest time.Time // tooOld: and what would have been accepted
	size   int       // lineTooLong, attrsTooLarge, attrsTooMany: what was measured of each of these entries
	limit  int       // and what would have been allowed
}

// A refusal is the body of an answer 400, understood.
type refusal struct {
	// stream: nothing but the labels was looked at, and all entries are refused.
	stream bool
	// reasons come from Loki's distributor, which checks entries one by one.
	reasons []reason
	// late is what its ingester adds for one stream; it hides reasons.
	late *late
	// complete: the body was understood to its end.
	complete bool
}

// streamTexts begin the reasons that concern a whole stream. The first three follow the stream's labels.
var (
	afterLabels = []string{"' has label name too long", "' has label value too long", "' has duplicate label name"}
	streamTexts = []string{
		"missing required labels '", "error parsing labels '", "error at least one label pair is required per stream",
	}
)

// parseRefusal never fails: what it does not understand is left out and complete is false.
func parseRefusal(body string, cut bool) refusal {
	body = strings.TrimSuffix(body, "\n")
	if l, ok := parseLate(body, cut); ok {
		return refusal{late: l, complete: l.complete()}
	}
	var r refusal
	for {
		count, rest := cutCount(body)
		if concernsStream(rest) {
			return refusal{stream: true, complete: true}
		}
		why, rest, ok := cutReason(rest)
		// A text that was cut off may be understood all the same, wrongly: so in a cut body the last one does not count.
		if !ok || cut && rest == "" {
			return r
		}
		why.count = count
		r.reasons = append(r.reasons, why)
		if rest == "" {
			r.complete = true
			return r
		}
		if body, ok = strings.CutPrefix(rest, "; "); !ok {
			return r
		}
	}
}

// cutCount cuts "12 errors like: " off the front of s; without it the count is 1. See GroupedErrors in Loki's
// pkg/util/errors.go.
func cutCount(s string) (count int, rest string) {
	n, rest, ok := cutNumber(s)
	if !ok {
		return 1, s
	}
	rest, ok = strings.CutPrefix(rest, " errors like: ")
	if !ok || n < 1 {
		return 1, s
	}
	return n, rest
}

func concernsStream(s string) bool {
	for _, text := range streamTexts {
		if strings.HasPrefix(s, text) {
			return true
		}
	}
	if rest, ok := cutStream(s, "stream '"); ok {
		for _, text := range afterLabels {
			if strings.HasPrefix(rest, text) {
				return true
			}
		}
	}
	rest, ok := cutStream(s, "entry for stream '")
	if !ok {
		return false
	}
	rest, ok = strings.CutPrefix(rest, "' has ")
	if !ok {
		return false
	}
	_, rest, ok = cutNumber(rest)
	return ok && strings.HasPrefix(rest, " label names; limit ")
}

// cutReason cuts a reason that concerns entries off the front of s.
func cutReason(s string) (r reason, rest string, ok bool) {
	if rest, ok = cutStream(s, "entry for stream '"); ok {
		r, rest, ok = cutTimeReason(rest)
	} else if rest, ok = cutStream(s, "stream '"); ok {
		r, rest, ok = cutAttrsReason(rest)
	} else {
		r, rest, ok = cutLineReason(s)
	}
	if ok {
		r.text = s[:len(s)-len(rest)]
	}
	return r, rest, ok
}

// cutTimeReason continues after the labels.
func cutTimeReason(s string) (r reason, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(s, "' has timestamp too new: "); ok {
		r.kind = tooNew
		r.at, rest, ok = cutTime(rest)
		return r, rest, ok
	}
	if rest, ok = strings.CutPrefix(s, "' has timestamp too old: "); !ok {
		return r, s, false
	}
	r.kind = tooOld
	if r.at, rest, ok = cutTime(rest); !ok {
		return r, s, false
	}
	if rest, ok = strings.CutPrefix(rest, ", oldest acceptable timestamp is: "); !ok {
		return r, s, false
	}
	r.oldest, rest, ok = cutTime(rest)
	return r, rest, ok
}

// cutTime cuts a time of RFC 3339 in whole seconds off the front of s.
func cutTime(s string) (t time.Time, rest string, ok bool) {
	end := strings.IndexAny(s, ",; \n")
	if end < 0 {
		end = len(s)
	}
	t, err := time.Parse(time.RFC3339, s[:end])
	return t, s[end:], err == nil
}

// cutAttrsReason continues after the labels. The reasons end in advice of a fixed form.
func cutAttrsReason(s string) (r reason, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(s, "' includes structured metadata, but this feature is disallowed. "); ok {
		r.kind = attrsDisallowed
		rest, ok = cutThrough(rest, " to enable it")
		return r, rest, ok
	}
	if rest, ok = strings.CutPrefix(s, "' has structured metadata too large: '"); ok {
		r.kind = attrsTooLarge
		r.size, r.limit, rest, ok = cutSizes(rest, "' bytes, limit: '")
	} else if rest, ok = strings.CutPrefix(s, "' has too many structured metadata labels: '"); ok {
		r.kind = attrsTooMany
		r.size, r.limit, rest, ok = cutSizes(rest, "', limit: '")
	}
	if !ok {
		return r, s, false
	}
	rest, ok = cutThrough(rest, " to increase it")
	return r, rest, ok
}

// cutLineReason reads the reason that begins with the limit.
func cutLineReason(s string) (r reason, rest string, ok bool) {
	r.kind = lineTooLong
	if rest, ok = strings.CutPrefix(s, "max entry size '"); !ok {
		return r, s, false
	}
	if r.limit, rest, ok = cutNumber(rest); !ok {
		return r, s, false
	}
	if rest, ok = cutStream(rest, "' bytes exceeded for stream '"); !ok {
		return r, s, false
	}
	if rest, ok = strings.CutPrefix(rest, "' while adding an entry with length '"); !ok {
		return r, s, false
	}
	if r.size, rest, ok = cutNumber(rest); !ok {
		return r, s, false
	}
	rest, ok = strings.CutPrefix(rest, "' bytes")
	return r, rest, ok
}

func cutSizes(s, between string) (size, limit int, rest string, ok bool) {
	if size, rest, ok = cutNumber(s); !ok {
		return 0, 0, s, false
	}
	if rest, ok = strings.CutPrefix(rest, between); !ok {
		return 0, 0, s, false
	}
	limit, rest, ok = cutNumber(rest)
	return size, limit, rest, ok
}

// cutThrough cuts s after the first occurrence of mark.
func cutThrough(s, mark string) (rest string, ok bool) {
	_, rest, ok = strings.Cut(s, mark)
	return rest, ok
}

// cutStream cuts before and the labels that follow it off the front of s. Values are quoted, and may contain anything.
func cutStream(s, before string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(s, before)
	if !ok || !strings.HasPrefix(rest, "{") {
		return s, false
	}
	quoted := false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '}' && !quoted:
			return rest[i+1:], true
		}
	}
	return s, false
}
