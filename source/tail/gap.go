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
	ahead  *file // that one, if it was rotated too
}

// A passage is a generation found in a gap.
type passage struct {
	*candidate
	gen generation
}

// maxDone bounds how many forgotten files are remembered.
const maxDone = 4096

// shifts is how often names are looked at that change meanwhile.
const shifts = 5

// passages returns the files in g, oldest first: those in the same folder that no
// pattern finds, and that by their names are rotated generations of the log.
func (s *scanner) passages(g gap, now time.Time) []passage {
	all, still := s.survey(g, now)
	for range shifts {
		if still {
			break
		}
		// They are being renamed, and what the names told may be wrong.
		dismissAll(all)
		all, still = s.survey(g, time.Now())
	}
	if !still {
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
	behind, ahead := s.nameOf(g.behind, g, now), s.nameOf(g.ahead, g, now)
	places := map[string]identity{}
	for _, path := range s.akin(g.where, g.name, now) { // listed anew, if those have moved
		kind := packedKind(path)
		gen := generationOf(unpackedName(path), g.name)
		if gen.form == noGeneration || kind != unpacked && !s.Rotated || s.wanted(path) || excluded(s.exclude, path) {
			continue
		}
		places[path] = idOf(path)
		if c := s.openUnknown(path); c != nil {
			c.packed = kind
			all = append(all, passage{c, gen})
			places[path] = c.info.id
		}
	}
	still = s.nameOf(g.behind, g, now) == behind && s.nameOf(g.ahead, g, now) == ahead
	for path, id := range places {
		still = still && idOf(path) == id
	}
	return slices.DeleteFunc(all, func(p passage) bool {
		if p.info.size > 0 && !s.wasDone(p.candidate) && g.spans(p, behind, ahead) {
			return false
		}
		p.h.Close()
		return true
	}), still
}

// idOf is the identity of the file at path, zero if there is none.
func idOf(path string) identity {
	st, err := statPath(path)
	if err != nil {
		return identity{}
	}
	return st.id
}

// nameOf is which generation f is by its name now, if it can be found.
func (s *scanner) nameOf(f *file, g gap, now time.Time) generation {
	if f == nil {
		return generation{}
	}
	path, _ := s.find(f.id, dirOf(g.where), now, now)
	if path == "" {
		return generation{}
	}
	return generationOf(unpackedName(path), g.name)
}

// spans reports whether p lies within g, whose ends by their names are those
// generations. A late line may make an older file the one that was changed last,
// so names count more, if they can tell. If they cannot, and both were changed in
// one tick of the clock of files, p is: what is known is not among the passages.
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
	return p.info.mtime <= g.until
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
