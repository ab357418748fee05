package tail

import "time"

// finish ends the following of f, which was rotated, read to its end and
// delivered. The newest such generation of each path is remembered, with its
// cursor, for as long as it exists: what followed it, if nobody saw it, is what
// is newer, and it is not taken for a file that is new itself. That holds after
// a restart too, and what a late writer adds is found.
func (s *scanner) finish(f *file, now time.Time) {
	if f.links == 0 || f.gone || s.Once || f.sent == "" && !f.resumed {
		s.outdate(f)
		s.forget(f)
		return
	}
	switch found, sure := s.settle(f, now); {
	case !sure:
		return // it may be on its way to another name: the next poll tells
	case !found:
		s.outdate(f)
		s.forget(f)
		return
	}
	if s.wanted(f.at) {
		s.lead(f.at, f, now) // it came there after that was looked at
		return
	}
	s.retire(f)
}

// outdates reports whether a is a newer generation than b, of the same path: by
// their names if both were changed in one tick of the clock of files.
func outdates(a, b *file) bool {
	if a.mtime != b.mtime {
		return a.mtime > b.mtime
	}
	c, ok := generationOf(unpackedName(a.placed()), a.log).compare(generationOf(unpackedName(b.placed()), b.log))
	return ok && c > 0
}

// outdate forgets the generation of the path of f that is remembered, if f, which
// will not be, is newer: what followed that one is no gap. Where generations are
// compressed, none of those that were read as they were written is there to be
// remembered, and each would be taken for one that was missed.
func (s *scanner) outdate(f *file) {
	if old := s.last[f.path]; s.Rotated && old != nil && old != f && !outdates(old, f) {
		s.forget(old)
	}
}

// settle finds out where f is, after it was rotated. sure is false if it may be found
// later.
func (s *scanner) settle(f *file, now time.Time) (found, sure bool) {
	if f.at != "" && idOf(f.at) == f.id {
		f.missed = time.Time{}
		return true, true
	}
	path, sure := s.trace(f, now)
	f.setPlace(path)
	return path != "", sure
}

// retire remembers f, unless a newer generation of its path is remembered.
func (s *scanner) retire(f *file) {
	if old := s.last[f.path]; old != nil && old != f {
		if outdates(old, f) {
			s.forget(f)
			return
		}
		s.forget(old)
	}
	s.last[f.path] = f
	s.drain(f, time.Now()) // who came to wait for it meanwhile
	f.retired, f.final = true, false
	s.src.hide(&f.shown)
	s.shut(f)
}

// revive has f followed again.
func (s *scanner) revive(f *file) {
	delete(s.last, f.path)
	f.retired, f.resting = false, false
	s.src.show(&f.shown)
}

// differs reports whether f, which is remembered, is not as it was, by what the system
// says of a file with its number: it was written to, or the number is that of another.
func (f *file) differs(st fileInfo) bool {
	return f.retired && (st.size != f.size || st.mtime != f.mtime)
}

// revisit looks at a file that is remembered.
func (s *scanner) revisit(f *file, now time.Time) {
	st, err := statPath(f.at)
	if err != nil || st.id != f.id {
		path, sure := s.trace(f, now)
		if path != "" {
			f.setPlace(path)
		} else if sure && !s.packing(f) {
			s.forget(f)
		}
		return
	}
	if !f.differs(st) {
		return
	}
	h := s.borrow(f)
	if h == nil {
		return // the next visit tells why
	}
	if !s.same(f, h) {
		h.Close()
		f.gone = true // its number was given to another file
		s.forget(f)
		return
	}
	s.takeHandle(f, h)
	s.revive(f)
	f.mtime, f.changed = st.mtime, now
	f.setSize(st.size)
	s.enqueue(f)
}
