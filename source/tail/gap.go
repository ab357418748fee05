package tail

import (
	"cmp"
	"log/slog"
	"slices"
	"time"
)

// A gap is where generations of a log may have come and gone unseen: behind a
// file that is known, or a time until which all were.
type gap struct {
	path  string // of the log
	name  string // what that leads to: generations are named after it
	where string // a path in the folder to look in
	tag
	since  int64 // when the last one known was changed last
	behind *file // that one, if it is known
	until  int64 // when the next one known was changed last
	ahead  *file // that one, if there is one: it may be rotated any time
}

// A passage is a generation found in a gap.
type passage struct {
	*candidate
	gen generation
}

// maxDone bounds how many forgotten files are remembered.
const maxDone = 4096

// passages returns the files in g, oldest first: those in the same folder that no
// pattern finds, and that by their names are rotated generations of the log.
func (s *scanner) passages(g gap, now time.Time) (all []passage) {
	if !untilStill(func() (still bool) {
		dismissAll(all) // what the names told may have been wrong
		all, still = s.survey(g, now)
		now = time.Now()
		return still
	}) {
		s.log.Warn("files are renamed again and again, one that was rotated may be missed", slog.String("path", g.path))
	}
	slices.SortFunc(all, func(a, b passage) int {
		if c, ok := a.gen.compare(b.gen); ok && c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.info.mtime, b.info.mtime), cmp.Compare(a.packed, b.packed))
	})
	return all
}

func dismissAll(all []passage) {
	for _, p := range all {
		p.h.Close()
	}
}

// survey is passages for once. still reports whether the names were the same
// before and afterwards.
func (s *scanner) survey(g gap, now time.Time) (all []passage, still bool) {
	behind, ahead := s.ends(g, now)
	places := map[string]identity{}
	l := s.list(dirOf(g.where), now) // listed anew, if those have moved
	paths := s.generations(g, l.names)
	for _, path := range paths {
		places[path] = idOf(path)
		if c := s.openUnknown(path); c != nil {
			c.packed = packedKind(path)
			all = append(all, passage{c, g.generationOf(path)})
			places[path] = c.info.id
		}
	}
	last, next := s.ends(g, now)
	still = last == behind && next == ahead && stand(places) && (len(l.names) > maxRelisted || s.lists(g, paths))
	return slices.DeleteFunc(all, func(p passage) bool {
		if p.info.size > 0 && !s.wasDone(p.candidate) && g.spans(p, behind, ahead) {
			return false
		}
		p.h.Close()
		return true
	}), still
}

// generations are the paths of those files with names, in the folder of g, that
// are generations of its log and that no pattern finds.
func (s *scanner) generations(g gap, names []string) (paths []string) {
	for _, path := range joinAll(dirOf(g.where), akinOf(names, g.name)) {
		if g.generationOf(path).form == noGeneration || packedKind(path) != unpacked && !s.Rotated || s.wanted(path) || excluded(s.exclude, path) {
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

// generationOf is which generation of its log the file at path is by its name.
func (g gap) generationOf(path string) generation { return generationOf(unpackedName(path), g.name) }

// stand reports whether the files that were found at places were there, and are.
func stand(places map[string]identity) bool {
	for path, id := range places {
		if id == (identity{}) || idOf(path) != id {
			return false
		}
	}
	return true
}

// maxRelisted bounds how large a folder is listed again for each gap: thousands of
// files may be rotated together.
const maxRelisted = 1000

// lists reports whether paths are the generations in the folder of g. If it was
// listed in the middle of a rotation, a file that has come to a name that was free
// then is in no listing, and nothing at the other names tells of it.
func (s *scanner) lists(g gap, paths []string) bool {
	names, _ := s.regular(dirOf(g.where))
	return slices.Equal(s.generations(g, names), paths)
}

// idOf is the identity of the file at path, zero if there is none.
func idOf(path string) identity {
	st, err := statPath(path)
	if err != nil {
		return identity{}
	}
	return st.id
}

// ends are the generations that g lies between, by their names now.
func (s *scanner) ends(g gap, now time.Time) (behind, ahead generation) {
	behind, _ = s.nameOf(g.behind, g, now)
	ahead, _ = s.nameOf(g.ahead, g, now)
	return behind, ahead
}

// nameOf is which generation f is by its name now. ok is false if it is not found.
func (s *scanner) nameOf(f *file, g gap, now time.Time) (gen generation, ok bool) {
	if f == nil {
		return generation{}, false
	}
	if f.at == g.path && idOf(f.at) == f.id {
		return generation{form: present}, true
	}
	path, _ := s.find(f.id, dirOf(g.where), now, now)
	if path == "" {
		return generation{}, false
	}
	return g.generationOf(path), true
}

// spans reports whether p lies within g, whose ends by their names are those
// generations. A late line may make an older file the one that was changed last, so
// names count more, if they can tell. If they cannot, and both were changed in one
// tick of the clock of files, p is: what is known is not among the passages. What
// was at the path, and is not found now, is taken to be there.
func (g *gap) spans(p passage, behind, ahead generation) bool {
	newer := p.info.mtime >= g.since
	if order, ok := p.gen.compare(behind); ok && order != 0 {
		newer = order > 0
	}
	if !newer || g.ahead == nil {
		return newer
	}
	if order, ok := p.gen.compare(ahead); ok && order != 0 {
		return order < 0
	}
	return p.info.mtime <= g.until || ahead.form == noGeneration && g.ahead.at == g.path
}

// An ended file was read to its end, delivered and forgotten.
type ended struct {
	mark
	at, log string // where it was last, and what it is a generation of
}

// remember keeps in mind what was read of f, in place of the file that was
// forgotten longest ago.
func (s *scanner) remember(f *file) {
	if _, ok := s.done[f.id]; !ok {
		s.doneIDs = append(s.doneIDs, f.id)
	}
	s.done[f.id] = ended{f.mark(), f.placed(), f.log}
	if len(s.doneIDs) > maxDone {
		delete(s.done, s.doneIDs[0])
		s.doneIDs = s.doneIDs[1:]
	}
}

// wasDone reports whether c was read to its end, delivered and forgotten.
func (s *scanner) wasDone(c *candidate) bool {
	past, ok := s.done[c.info.id]
	return ok && past.holds(c.h, s.buf)
}
