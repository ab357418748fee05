package tail

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// line puts files in order that lay at the same path one after the other: each
// is read to its end before the next begins. Generations that came and went
// while nobody looked are among them.
func (s *scanner) line(now time.Time) {
	rotated := map[string][]*file{}
	for f := range s.files {
		if f.resumed && !f.moved.IsZero() {
			rotated[f.path] = append(rotated[f.path], f)
		}
	}
	for path, fs := range rotated {
		s.lineUp(path, fs, now)
	}
	last := map[string]memo{} // of each path, what was changed last
	for _, m := range s.orphans {
		if before, ok := last[m.path]; !ok || before.mtime < m.mtime {
			last[m.path] = m
		}
	}
	for path := range s.expected() {
		if rotated[path] == nil {
			m, ok := last[path]
			f := s.unseen(path, m, ok, now)
			s.succeeds(path, f, f)
		}
	}
}

// lineUp does so for fs, which lay at path and were rotated.
func (s *scanner) lineUp(path string, fs []*file, now time.Time) {
	s.rank(fs, now)
	for i := 1; i < len(fs); i++ {
		s.queue(fs[i], fs[i-1])
	}
	last := fs[len(fs)-1]
	s.succeeds(path, last, s.skipped(last, s.at(path), now))
}

// rank sorts fs, which lay at one path in turn, the oldest first: by their names
// or, if those cannot tell, by when they were changed last, which a late line may
// have been to the older one.
func (s *scanner) rank(fs []*file, now time.Time) {
	if len(fs) < 2 {
		return
	}
	gens := s.generationsOf(fs, now)
	untilStill(func() bool {
		before := gens
		gens = s.generationsOf(fs, time.Now())
		return len(gens) == len(fs) && maps.Equal(before, gens)
	})
	slices.SortFunc(fs, func(a, b *file) int {
		if c, ok := gens[a].compare(gens[b]); ok && c != 0 {
			return c
		}
		return cmp.Compare(a.mtime, b.mtime)
	})
}

// generationsOf tells which generations fs are by their names now, as far as they are
// found: one that is being renamed may be in no listing for a moment.
func (s *scanner) generationsOf(fs []*file, now time.Time) map[*file]generation {
	m := map[*file]generation{}
	for _, f := range fs {
		if gen, ok := s.nameOf(f, gap{path: f.path, where: f.where(), name: f.log}, now); ok {
			m[f] = gen
		}
	}
	return m
}

// expected are the paths where files are, or were, or may come.
func (s *scanner) expected() map[string]struct{} {
	paths := map[string]struct{}{}
	for path, sp := range s.spots {
		if sp.cur != nil && !sp.cur.resumed {
			paths[path] = struct{}{}
		}
	}
	for i := range s.patterns {
		if p := &s.patterns[i]; p.glob == "" && !s.refused(p.path) && (s.spots[p.path] == nil || s.spots[p.path].cur == nil) {
			paths[p.path] = struct{}{}
		}
	}
	for _, m := range s.orphans {
		if s.spots[m.path] == nil && !s.refused(m.path) {
			paths[m.path] = struct{}{}
		}
	}
	return paths
}

// unseen looks for generations of a path where no file is that was known
// before: what was written since the last that is known of this path or, if
// there is none, of any; on the very first start, since the source was made. With
// Config.Rotated, all of them.
func (s *scanner) unseen(path string, last memo, ok bool, now time.Time) *file {
	g := gap{path: path, name: logName(path), where: logName(path), tag: s.tagOf(path), since: s.newest}
	g.before(s.at(path))
	switch {
	case ok:
		g.since, g.where = last.mtime, last.where()
	case s.Rotated && s.From == Start:
		g.since = 0
		return s.bridge(g, nil, now)
	}
	if g.since == 0 {
		if s.From == End {
			return nil
		}
		g.since = s.src.made.Add(-clockTick).UnixNano()
	}
	return s.bridge(g, nil, now)
}

// at is the file at path, nil if there is none or it is not known.
func (s *scanner) at(path string) *file {
	if sp := s.spots[path]; sp != nil {
		return sp.cur
	}
	return nil
}

// succeeds has what is at path now wait for last, which lay there before it and
// is not read yet, if it is not nil. What comes there later finds out what there
// was between it and known, the last file known before.
func (s *scanner) succeeds(path string, known, last *file) {
	sp := s.spots[path]
	switch {
	case sp != nil && sp.cur != nil && last != nil:
		s.queue(sp.cur, last)
	case (sp == nil || sp.cur == nil) && cmp.Or(last, known) != nil && s.wanted(path):
		s.spots[path] = &spot{path: path, prev: cmp.Or(last, known)}
	}
}

// queue has f wait for before.
func (s *scanner) queue(f, before *file) {
	if before.drained {
		return
	}
	if f.await(before); f.after == before {
		s.dequeue(f)
	}
}
