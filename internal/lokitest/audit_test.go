package lokitest

import (
	"fmt"
	"testing"
	"time"
)

// An audit compares what Loki returns with a script.
type audit struct {
	problems problems
	found    int             // lines
	repeats  int             // of lines that had been found already
	late     map[[2]int]bool // which of the lines that are too far behind, by stream and number
}

// auditAll fails the test unless a query returns every valid line of the script exactly
// once, as it was written, and nothing else but lines that are too far behind, which it
// returns: those are not behind if they come in one batch with what they are behind of,
// as a batch goes out in order of time.
func auditAll(t *testing.T, srv *Server, s *script) (late map[[2]int]bool) {
	t.Helper()
	began := time.Now()
	a := audit{late: map[[2]int]bool{}}
	for stream := range s.lengths {
		lines := srv.lines(t, fmt.Sprintf(`{job=%q, stream=%q}`, scriptJob, s.name(stream)), s.base, s.end(stream))
		missing := a.stream(s, stream, s.lengths[stream], lines)
		if missing > 0 {
			a.problems.add("%s: %d lines missing", s.name(stream), missing)
		}
	}
	a.elsewhere(t, srv, s)
	a.problems.report(t)
	t.Logf("query: %d lines found, %d more than once, and %d that came in time not to be behind, in %.1f s",
		a.found, a.repeats, len(a.late), time.Since(began).Seconds())
	return a.late
}

// lines are the entries that a query returns of whatever streams it matches.
func (s *Server) lines(t *testing.T, logql string, from, to time.Time) (entries []Entry) {
	t.Helper()
	streams, err := s.Query(t.Context(), logql, from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range streams {
		entries = append(entries, st.Entries...)
	}
	return entries
}

// stream looks at the lines of one stream and returns how many valid ones are
// missing among the first upTo.
func (a *audit) stream(s *script, stream, upTo int, lines []Entry) (missing int) {
	seen := make([]bool, s.lengths[stream])
	for _, e := range lines {
		a.found++
		of, n, err := place([]byte(e.Line))
		switch {
		case err != nil:
			a.problems.add("%s: %v", s.name(stream), err)
		case of != stream || n < 0 || n >= len(seen):
			a.problems.add("%s: has line %d of %s", s.name(stream), n, s.name(of))
		case s.flaw(stream, n) != nil:
			a.problems.add("%s: line %d is stored, which is %s", s.name(stream), n, s.flaw(stream, n).name)
		case seen[n]:
			a.repeats++
			a.problems.add("%s: line %d is found more than once", s.name(stream), n)
		default:
			seen[n] = true
			a.same(s, stream, n, e)
		}
	}
	for n := range upTo {
		if !seen[n] && s.flaw(stream, n) == nil {
			missing++
		}
	}
	return missing
}

// same compares an entry with what was written.
func (a *audit) same(s *script, stream, n int, e Entry) {
	want := s.entry(nil, stream, n)
	if !e.Time.Equal(want.Time) || e.Line != string(want.Line) {
		a.problems.add("%s: line %d is %v %q, want %v %q", s.name(stream), n, e.Time, e.Line, want.Time, want.Line)
	}
	trace := ""
	if len(want.Attrs) > 0 {
		trace = want.Attrs[0].Value
	}
	if got := e.Metadata[traceKey]; got != trace {
		a.problems.add("%s: line %d has %s %q, want %q", s.name(stream), n, traceKey, got, trace)
	}
}

// elsewhere looks where nothing should be: before and after the times of valid
// lines, as far as the times of invalid ones reach.
func (a *audit) elsewhere(t *testing.T, srv *Server, s *script) {
	t.Helper()
	job := fmt.Sprintf(`{job=%q}`, scriptJob)
	last := s.base
	for stream := range s.lengths {
		if end := s.end(stream); end.After(last) {
			last = end
		}
	}
	for _, e := range append(srv.lines(t, job, s.base.AddDate(0, 0, -9), s.base), srv.lines(t, job, last, s.base.AddDate(0, 0, 3))...) {
		stream, n, err := place([]byte(e.Line))
		at := [2]int{stream, n}
		if err == nil && s.flaw(stream, n) == &flaws[tooFarBehind] && !a.late[at] {
			a.late[at] = true
			continue
		}
		a.problems.add("stored with the time %v: %.40q…", e.Time, e.Line)
	}
}
