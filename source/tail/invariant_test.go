package tail

import (
	"container/list"
	"slices"
	"testing"
)

// checkedFiles is how many files may be followed for all of them to be checked
// after each tick.
const checkedFiles = 500

// checker returns what is to check a scanner after each tick: it fails t at the
// tick at which a file gets into a state nobody meant, not when that shows.
func checker(t testing.TB) func(*scanner) {
	failed := false
	return func(s *scanner) {
		if failed || len(s.files) > checkedFiles {
			return
		}
		s.violations(func(f *file, what string) {
			failed = true
			t.Errorf("%s: %s", what, f.condition())
		})
	}
}

// condition describes f for those who read why a test failed.
func (f *file) condition() string {
	s := f.path + " at " + f.at
	for _, x := range []struct {
		is   bool
		what string
	}{
		{f.packed != unpacked, "packed"}, {f.wholly(), "wholly read"}, {f.lined, "lined"}, {f.spoilt, "spoilt"},
		{f.busy, "busy"}, {f.queued, "queued"}, {f.again, "again"}, {f.resting, "resting"}, {f.herald, "herald"},
		{f.known, "known"}, {f.begun, "begun"}, {f.resumed, "resumed"}, {f.weighed, "weighed"},
		{f.held != nil, "held"}, {f.after != nil, "after another"}, {f.before != nil, "before"}, {f.h != nil, "open"},
		{!f.moved.IsZero(), "moved"}, {f.drained, "drained"}, {f.final, "final"}, {f.settled, "settled"},
		{f.retired, "retired"}, {f.gone, "gone"}, {f.suspect, "suspect"}, {f.pinned != nil, "pinned"}, {f.trouble != "", "in trouble"},
	} {
		if x.is {
			s += ", " + x.what
		}
	}
	return s
}

// violations calls bad with each file that breaks a rule.
func (s *scanner) violations(bad func(f *file, what string)) {
	want := func(f *file, ok bool, what string) {
		if !ok {
			bad(f, what)
		}
	}
	s.checkSets(want)
	for f := range s.files {
		s.checkWork(f, want)
		s.checkPlace(f, want)
		s.checkOthers(f, want)
	}
}

// checkSets: what the scanner has to do is with files that it follows.
func (s *scanner) checkSets(want func(*file, bool, string)) {
	follows := func(f *file) bool { _, ok := s.files[f]; return ok }
	each := func(l *list.List, f func(*file, *list.Element)) {
		for e := l.Front(); e != nil; e = e.Next() {
			f(e.Value.(*file), e)
		}
	}
	open := func(f *file, e *list.Element) { want(f, follows(f) && f.h != nil && f.lru == e, "in opened or kept") }
	each(&s.opened, open)
	each(&s.kept, open)
	each(&s.ready, func(f *file, _ *list.Element) { want(f, follows(f) && f.queued, "in ready") })
	for _, f := range s.agenda.heap {
		want(f, follows(f), "in agenda")
	}
	for f := range s.reading {
		want(f, follows(f) && f.busy, "in reading")
	}
	for id, f := range s.byID {
		want(f, follows(f) && f.id == id, "in byID")
	}
	for path, f := range s.last {
		want(f, follows(f) && f.retired && f.path == path, "in last")
	}
	for f := range s.packed {
		want(f, follows(f) && f.packed != unpacked, "in packed")
	}
	for _, f := range s.heads.sorted {
		want(f, follows(f) && len(f.filed) > 0, "in heads")
	}
	for path, f := range s.hints {
		want(f, follows(f) && slices.Contains(f.hinted, path), "in hints")
	}
	for _, sp := range s.spots {
		want(sp.cur, sp.cur == nil || follows(sp.cur) && slices.Contains(sp.cur.names, sp.path), "in spots")
	}
	if f := s.unpacking; f != nil {
		want(f, follows(f) && (f.queued || f.busy), "unpacking, and nobody will end it")
	}
}

// checkWork: each file will be looked at again, and a reader has it or not.
func (s *scanner) checkWork(f *file, want func(*file, bool, string)) {
	_, reading := s.reading[f]
	want(f, f.busy == reading, "busy, or in reading")
	want(f, !f.busy || !f.queued, "queued while busy")
	want(f, !f.busy || f.h != nil, "closed while busy")
	want(f, f.busy || f.place >= 0, "no appointment")
	want(f, (f.h != nil) == (f.lru != nil), "open, or in opened or kept")
	want(f, f.lined == slices.Contains(s.toUnpack, f), "lined, or in toUnpack")
	want(f, f.busy || !f.suspect && !f.parting || !f.moved.IsZero(), "what a turn began with")
	want(f, f.packed == unpacked || !f.queued || s.unpacking == f, "queued and not its turn to be unpacked")
	want(f, !f.begun || f.known || f.wholly(), "begun and not known")
}

// checkPlace: where f is agrees with what was concluded from that.
func (s *scanner) checkPlace(f *file, want func(*file, bool, string)) {
	moved := !f.moved.IsZero()
	want(f, moved || !f.drained && !f.final && !f.settled && !f.retired && !f.gone, "seen off and not moved")
	want(f, !f.retired || f.drained && f.h == nil && !f.queued && !f.busy && len(f.names) == 0, "retired and at work")
	want(f, !f.retired || s.last[f.path] == f, "retired and not the last")
	want(f, !f.gone || f.h == nil, "gone and open")
	for _, path := range f.names {
		want(f, s.spots[path] != nil && s.spots[path].cur == f, "names "+path)
	}
	_, ok := s.names[f.stream]
	want(f, ok, "stream "+f.stream+" not in names")
}

// checkOthers: what f waits for is there, and comes to an end.
func (s *scanner) checkOthers(f *file, want func(*file, bool, string)) {
	waits := f.held != nil || f.after != nil && !f.after.drained
	want(f, !waits || !f.queued && (!f.busy || f.herald), "waits, and a reader has it or will")
	if f.held != nil {
		_, ok := s.files[f.held]
		want(f, ok && f.held != f && slices.Contains(f.held.copies, f), "held because of none")
	}
	if f.after != nil {
		_, ok := s.files[f.after]
		want(f, f.after.drained || ok && slices.Contains(f.after.behind, f), "after none")
	}
	n := 0
	for g := f.after; g != nil && n <= len(s.files); g = g.after {
		n++
	}
	want(f, n <= len(s.files), "after itself")
}
