package tail

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Reconsider has Config.Accept asked about path soon, and not only at the next
// look: what it refused may be welcome now. If path is followed, Labels and Attrs
// are asked again instead, and what they say holds for what is read from then on;
// generations of before keep theirs. Whoever provides those functions calls it. It
// returns at once, and may be called at any time and concurrently.
func (s *Source) Reconsider(path string) {
	s.mu.Lock()
	s.asked[path] = struct{}{}
	s.mu.Unlock()
	select {
	case s.ask <- struct{}{}:
	default:
	}
}

// reconsider visits the paths that Reconsider named.
func (s *scanner) reconsider(now time.Time) {
	s.src.mu.Lock()
	asked := s.src.asked
	s.src.asked = map[string]struct{}{}
	s.src.mu.Unlock()
	for path := range asked {
		switch sp := s.spots[path]; {
		case sp != nil && sp.cur != nil && sp.cur.path == path:
			t := s.tagOf(path)
			if sp.cur.next = &t; !sp.cur.busy {
				sp.cur.retag()
			}
		case s.wanted(path):
			s.visit(path, now)
		}
	}
}

// refused reports whether path, where nothing was followed so far, is not
// accepted.
func (s *scanner) refused(path string) bool {
	if s.Accept == nil || s.spots[path] != nil {
		return false
	}
	yes, asked := s.answers[path]
	if !asked {
		yes = s.Accept(path)
	}
	if s.answers != nil {
		s.answers[path] = yes
	}
	return !yes
}

// waits notes what a file held that was there at the first look and is not
// accepted, if it is to be left out when it is.
func (s *scanner) waits(path string) {
	if s.From != End || s.src.begun {
		return
	}
	if st, err := statPath(path); err == nil && st.mode.IsRegular() {
		s.src.waited[path] = st
	}
}

// leftOut is how much of a file that is found at path Config.From leaves out: -1
// if it does not, because the file was not there at the first look.
func (s *scanner) leftOut(path string, st fileInfo) int64 {
	if s.From != End {
		return -1
	}
	was, waited := s.src.waited[path]
	delete(s.src.waited, path)
	switch {
	case !s.src.begun:
		return st.size
	case waited && was.id == st.id:
		return min(was.size, st.size)
	}
	return -1
}

// late reports whether path is accepted for the first time since Run began, and
// was followed before.
func (s *scanner) late(path string) bool {
	return s.Accept != nil && !s.first && s.spots[path] == nil && len(s.missed(path)) > 0
}

// missed are the streams of path whose files have not been found.
func (s *scanner) missed(path string) []string {
	return slices.DeleteFunc(slices.Clone(s.claimed[path]), func(name string) bool {
		_, ok := s.orphans[name]
		return !ok
	})
}

// rejoin takes up the streams of a path that is accepted late, as it was done for
// the others when Run began.
func (s *scanner) rejoin(path string, now time.Time) {
	s.regainThose(func() []string { return s.missed(path) }, now)
	var rotated []*file
	for f := range s.files {
		if f.path == path && f.resumed && !f.moved.IsZero() {
			rotated = append(rotated, f)
		}
	}
	if len(rotated) > 0 {
		s.lineUp(path, rotated, now)
		return
	}
	if sp := s.spots[path]; sp != nil && sp.cur != nil && sp.cur.resumed {
		return
	}
	var last memo
	for _, name := range s.missed(path) {
		if m := s.orphans[name]; last.path == "" || last.mtime < m.mtime {
			last = m
		}
	}
	f := s.unseen(path, last, last.path != "", now)
	s.succeeds(path, f, f)
}

// lies reports whether the file of m is in the folder it was in.
func (s *scanner) lies(m memo, now time.Time) bool {
	dir := dirOf(m.where())
	for range shifts {
		l := s.list(dir, s.lately(dir, now))
		if l.place(m.id, dir) != "" {
			return true
		}
		if !l.began.IsZero() {
			return l.part
		}
	}
	return true // it is being renamed
}

// ours reports whether a stream was named by mint. Others that share the outlet
// are left alone.
func ours(stream string) bool {
	i := strings.LastIndexByte(stream, '#')
	return i > 0 && filepath.IsAbs(stream[:i])
}
