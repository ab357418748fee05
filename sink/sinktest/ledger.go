package sinktest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A fate is what the kit was told of an entry.
type fate int

const (
	open      fate = iota // it was told nothing
	delivered             // the Sink took responsibility
	refused               // the Sink said never
)

// A record is one entry the kit made.
type record struct {
	want  batch.Entry // as the destination is to hold it
	seq   int
	tries int // how many Writes it was in
	fate  fate
	found int // how often the destination holds it
}

func (r *record) String() string {
	return fmt.Sprintf("entry %s of stream %v", quoted(r.want.Line), r.want.Labels)
}

// quoted makes a line fit for a message.
func quoted(line []byte) string {
	const most = 60
	if len(line) <= most {
		return strconv.Quote(string(line))
	}
	return fmt.Sprintf("%q… (%d bytes)", line[:most], len(line))
}

// A ledger knows all entries of one check.
type ledger struct {
	mu      sync.Mutex
	latest  time.Time // given to an entry
	lines   int
	records []*record
}

// newLedger begins a minute ago, because destinations refuse what is old or lies in the future.
func newLedger() *ledger {
	return &ledger{latest: time.Now().Add(-time.Minute).Truncate(time.Millisecond)}
}

// now returns a time later than all before.
func (l *ledger) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latest = l.latest.Add(time.Millisecond)
	return l.latest
}

// line returns a line that nobody else has.
func (l *ledger) line(text string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	return fmt.Appendf(nil, "line %06d%s", l.lines, text)
}

func (l *ledger) record(want batch.Entry) *record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &record{want: want, seq: len(l.records)}
	l.records = append(l.records, r)
	return r
}

func (l *ledger) tried(r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.tries++
}

func (l *ledger) book(r *record, f fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.fate = f
}

// compare returns what is wrong with what the destination holds, and whether something is merely missing.
func (l *ledger) compare(got []batch.Entry) (problems []string, missing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	byLine := map[string][]*record{}
	for _, r := range l.records {
		r.found = 0
		byLine[string(r.want.Line)] = append(byLine[string(r.want.Line)], r)
	}
	last := map[batch.Labels]*record{}
	for i := range got {
		r := match(byLine[string(got[i].Line)])
		if r == nil {
			problem("the destination holds a line that was never written: %s", quoted(got[i].Line))
			continue
		}
		r.found++
		if what := differ(&r.want, &got[i]); what != "" {
			problem("%s: %s", r, what)
		}
		if r.tries > 1 {
			continue // written again, it may have been overtaken
		}
		if before := last[r.want.Labels]; before != nil && before.seq > r.seq {
			problem("%s: out of order: it comes after %s", r, quoted(before.want.Line))
		}
		last[r.want.Labels] = r
	}
	for _, r := range l.records {
		switch {
		case r.found > r.tries:
			problem("%s: written %d times, and the destination holds it %d times", r, r.tries, r.found)
		case r.fate == delivered && r.found == 0:
			missing = true
			problem("%s: reported as delivered, and the destination does not hold it", r)
		case r.fate == refused && r.found > 0:
			problem("%s: reported as permanently failed, and the destination holds it", r)
		}
	}
	return problems, missing
}

// match returns which of the records of one line is meant: the one found least often so far.
func match(rs []*record) *record {
	if len(rs) == 0 {
		return nil
	}
	return slices.MinFunc(rs, func(a, b *record) int { return a.found - b.found })
}

// differ says in what got is not what was wanted, "" if in nothing it knows.
func differ(want, got *batch.Entry) string {
	switch {
	case !got.Time.IsZero() && !got.Time.Equal(want.Time):
		return fmt.Sprintf("time is %v, want %v", got.Time, want.Time)
	case got.Labels != (batch.Labels{}) && got.Labels != want.Labels:
		return fmt.Sprintf("labels are %v", got.Labels)
	case len(got.Attrs) > 0 && !slices.Equal(got.Attrs, want.Attrs):
		return fmt.Sprintf("attributes are %v, want %v", got.Attrs, want.Attrs)
	}
	return ""
}

// verify compares the destination with what the Sink said.
func (h *harness) verify() {
	h.Helper()
	if h.target.Delivered == nil {
		return
	}
	const shown = 5
	problems, missing := h.ledger.compare(h.target.Delivered())
	// Twice as long every time: looking is not free.
	for pause := 5 * time.Millisecond; missing && pause < h.target.Patience; pause *= 2 {
		time.Sleep(pause)
		problems, missing = h.ledger.compare(h.target.Delivered())
	}
	for _, p := range problems[:min(len(problems), shown)] {
		h.Errorf("sinktest: %s", p)
	}
	if more := len(problems) - shown; more > 0 {
		h.Errorf("sinktest: and %d more like these", more)
	}
}
