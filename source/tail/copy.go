package tail

import (
	"maps"
	"time"
)

// A candidate is a file that may be a copy of one that was truncated.
type candidate struct {
	path string
	info fileInfo
	h    *handle
	f    *file // nil: not followed itself
	// short is whether it ends before the position reached in what it is a
	// copy of.
	short  bool
	packed packing // how it is compressed
}

// findCopy looks for a file that holds m, the position f was read to: among
// those that may be copies, the one that was opened in time, and those in the
// same folder that are not followed. Of several it takes the one that was
// changed last; one that ends before that position only if there is no other.
func (s *scanner) findCopy(f *file, m mark, now time.Time) *candidate {
	if m.print.n == 0 && m.offset < anchorMax {
		return nil
	}
	var best *candidate
	consider := func(c *candidate) {
		if !s.copies(c, f, m) || best != nil && !c.beats(best) {
			s.dismiss(c)
			return
		}
		s.dismiss(best)
		best = c
		if c.f != nil && c.f.h == c.h {
			s.yield(c.f) // or it may be closed to open the next
		}
	}
	for n := range s.files {
		// One that is followed counts until it was weighed: it may have been
		// empty when it was found.
		if n != f && n.packed == unpacked && !n.begun && !n.busy && (n.held == f || n.held == nil && !n.weighed && !n.resumed) {
			if c := s.lend(n); c != nil {
				consider(c)
			}
		}
	}
	if h := f.pinned; h != nil {
		f.pinned = nil
		if st, err := h.stat(); err == nil && !s.follows(st.id, h) {
			consider(&candidate{path: h.path(), info: st, h: h})
		} else {
			h.Close()
		}
	}
	// Generations of the same log come first, by their names: thousands of files
	// may lie in the folder.
	for i, paths := range [][]string{s.akin(f.where(), f.log, now), s.siblings(f.where(), s.lately(dirOf(f.where()), now))} {
		for _, path := range paths {
			if sp := s.spots[path]; i > 0 && sp != nil && sp.cur != nil {
				continue // without asking the system
			}
			if c := s.openCandidate(path); c != nil {
				consider(c)
			}
		}
		if best != nil {
			break
		}
	}
	return best
}

// findCopyStill is findCopy for one that was not found. The folder may have been listed
// for others before the copy was made: of thousands, each is truncated at its own time.
// Or the copy was just being renamed: it is looked for until its log's generations have
// held still meanwhile.
func (s *scanner) findCopyStill(f *file) (c *candidate) {
	untilStill(func() bool {
		now := time.Now()
		before := s.placesOf(f, now)
		c = s.findCopy(f, f.mark(), now)
		return c != nil || stand(before) && maps.Equal(before, s.placesOf(f, time.Now()))
	})
	return c
}

// placesOf are the generations of the log of f, and where they are.
func (s *scanner) placesOf(f *file, now time.Time) map[string]identity {
	places := map[string]identity{}
	for _, path := range s.akin(f.where(), f.log, now) {
		if generationOf(path, f.log).form != noGeneration {
			places[path] = idOf(path)
		}
	}
	return places
}

// copies reports whether c is a copy of f, which was read to m. It may be short of
// that: what was written between the copy and the truncation has been read
// already.
func (s *scanner) copies(c *candidate, f *file, m mark) bool {
	if c.info.size >= m.offset {
		return m.holds(c.h, s.buf)
	}
	if c.info.size == 0 || s.wasDone(c) || !(mark{print: m.print}).holds(c.h, s.buf) {
		return false
	}
	c.short = true
	return c.f != nil && c.f.held == f || m.print.n >= strong && generationOf(c.path, f.log).form != noGeneration
}

// beats reports whether c is more likely the copy than d.
func (c *candidate) beats(d *candidate) bool {
	if c.short != d.short {
		return d.short
	}
	return c.info.mtime > d.info.mtime
}

// lend makes n a candidate, with its handle or, if n is closed, one that is the
// candidate's own.
func (s *scanner) lend(n *file) *candidate {
	h := n.h
	if h == nil {
		if h = s.borrow(n); h == nil {
			return nil
		}
	}
	c := &candidate{path: n.at, h: h, f: n}
	st, err := h.stat()
	if err != nil {
		s.dismiss(c)
		return nil
	}
	c.info = st
	return c
}

// dismiss puts away a candidate that is not chosen. The handle of one that is
// followed is given to it.
func (s *scanner) dismiss(c *candidate) {
	switch {
	case c == nil:
	case c.f == nil:
		c.h.Close()
	case c.f.h == nil:
		s.takeHandle(c.f, c.h)
	}
}

// openCandidate opens the file at path, unless it is compressed, followed or
// cannot be opened.
func (s *scanner) openCandidate(path string) *candidate {
	if packedKind(path) != unpacked {
		return nil
	}
	return s.openUnknown(path)
}

// openUnknown is openCandidate for compressed files too.
func (s *scanner) openUnknown(path string) *candidate {
	st, err := statPath(path)
	if err != nil || !st.mode.IsRegular() {
		return nil
	}
	if f := s.byID[st.id]; f != nil && (f.h != nil || !f.differs(st) && (f.at == path || idOf(f.at) == f.id)) {
		return nil
	}
	h, err := s.openPath(path)
	if err != nil {
		return nil
	}
	if st, err = h.stat(); err != nil || !st.mode.IsRegular() || s.follows(st.id, h) {
		h.Close()
		return nil
	}
	return &candidate{path: path, info: st, h: h}
}

// follows reports whether h, the file with this identity, is followed. It may
// have been given the number of one that was closed and is deleted.
func (s *scanner) follows(id identity, h *handle) bool {
	f := s.byID[id]
	return f != nil && (f.h != nil || s.same(f, h))
}
