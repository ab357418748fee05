package tail

import (
	"path/filepath"
	"slices"
	"time"
)

// hinted looks at what events named.
func (s *scanner) hinted(h hints, now time.Time) {
	if h.missed {
		for f := range s.files {
			s.agenda.hasten(f, now)
		}
		for path := range s.watched {
			s.doubt(path)
		}
		s.sweep.due = now
	}
	for path := range h.changed {
		s.touched(path, now)
	}
	for path := range h.changed {
		s.rename(path) // when it is known of all which are where they were no more
	}
	for path := range h.written {
		if f := s.hints[path]; f != nil {
			s.hasten(f, now)
		}
	}
}

// touched looks at one path that was created, renamed or removed.
func (s *scanner) touched(path string, now time.Time) {
	s.doubt(path)
	f := s.hints[path]
	if f != nil {
		s.hasten(f, now)
	}
	if s.wanted(path) {
		s.visit(path, now)
		return
	}
	// A folder may have come, or what a link leads to. A sweep takes at most a
	// tenth of the time.
	s.sweep.changed = now
	if due := later(now, s.sweep.ended.Add(max(hintGap, 10*s.sweep.took))); due.Before(s.sweep.due) {
		s.sweep.due = due
	}
}

// rename notes that events that name path mean the file that was renamed to it.
func (s *scanner) rename(path string) {
	st, err := statPath(path)
	if err != nil || !st.mode.IsRegular() {
		return
	}
	switch f := s.byID[st.id]; {
	case f == nil:
	case f.retired:
		f.setPlace(path)
	case !f.moved.IsZero() && len(f.names) == 0:
		s.hint(f, path)
	}
}

// hint has events that name path, or what it leads to, mean f.
func (s *scanner) hint(f *file, path string) {
	keys := []string{path}
	if real := realPath(path); real != "" {
		keys = append(keys, real)
		s.watchFolder(filepath.Dir(real))
	}
	for _, k := range keys {
		s.hints[k] = f
		if !slices.Contains(f.hinted, k) {
			f.hinted = append(f.hinted, k)
		}
	}
}

func (s *scanner) unhint(f *file) {
	for _, k := range f.hinted {
		if s.hints[k] == f {
			delete(s.hints, k)
		}
	}
	f.hinted = nil
}
