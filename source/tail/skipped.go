package tail

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// maxDone bounds how many forgotten files are remembered.
const maxDone = 4096

// A gap is where generations of a log may have come and gone unseen: behind a
// file that is known, or a time until which all were.
type gap struct {
	path   string // of the log
	name   string // what that leads to: generations are named after it
	where  string // a path in the folder to look in
	labels batch.Labels
	since  int64      // when the last one known was changed last
	behind generation // which one that is by its name, if that is known
}

// skipped looks for files that lay at the path of f after f did and are gone
// from there already: it was rotated more than once between two looks, or
// while nobody looked. They are followed in their order. It returns the file
// whose end whatever is there now has to wait for, nil if there is none.
func (s *scanner) skipped(f *file, now time.Time) *file {
	last := f
	if _, ok := s.files[f]; !ok || f.drained || f.gone {
		last = nil
	}
	g := gap{path: f.path, name: f.log, where: f.where(), labels: f.labels, since: f.mtime}
	if f.h != nil {
		if st, err := f.h.stat(); err == nil {
			g.since = st.mtime
		}
	}
	if place, _ := s.find(f.id, dirOf(g.where), now, now); place != "" {
		g.behind = generationOf(place, g.name)
	}
	return s.bridge(g, last, now)
}

// overtaken looks for generations that f held in turn since it was known to be
// empty, if it is not any more, and reports whether f has to wait for one. They
// were copied, and f was truncated each time: nothing in f tells.
func (s *scanner) overtaken(f *file, now time.Time) bool {
	if f.blank == 0 || len(f.prefix) == 0 {
		return false
	}
	since := f.blank
	f.blank = 0
	if f.begun || f.at != f.path || s.Once {
		return false
	}
	g := gap{path: f.path, name: f.log, where: f.log, labels: f.labels, since: since}
	before := f.after
	f.after = s.bridge(g, before, s.lately(dirOf(f.log), now))
	if f.after == before {
		return false
	}
	s.dequeue(f)
	f.show(Waiting)
	return true
}

// bridge follows what is found in g behind last, which may be nil, and returns
// the last of it.
//
// That is a file in the same folder that no pattern finds, which by its name is
// a rotated generation of the log, and newer than what is known: by its name, if
// names can tell, or because it was changed later.
func (s *scanner) bridge(g gap, last *file, now time.Time) *file {
	if s.Once {
		return last
	}
	type found struct {
		*candidate
		gen generation
	}
	var all []found
	for _, path := range s.akin(g.where, g.name, now) {
		gen := generationOf(path, g.name)
		if gen.form == noGeneration || s.wanted(path) || excluded(s.exclude, path) {
			continue
		}
		c := s.openCandidate(path)
		if c == nil {
			continue
		}
		if c.info.size == 0 || s.wasDone(c) || !g.before(c, gen) {
			c.h.Close()
			continue
		}
		all = append(all, found{c, gen})
	}
	slices.SortFunc(all, func(a, b found) int {
		if c, ok := a.gen.compare(b.gen); ok && c != 0 {
			return c
		}
		return cmp.Compare(a.info.mtime, b.info.mtime)
	})
	for _, c := range all {
		if n := s.takeSkipped(g, c.candidate, now); n != nil {
			n.after = last
			last = n
			s.enqueue(n)
			s.appoint(n, now)
		}
	}
	return last
}

// before reports whether c, by its name the generation gen, lies behind what is
// known before g. A late line may make an older file the one that was changed
// last, so names count more, if they can tell.
func (g *gap) before(c *candidate, gen generation) bool {
	if order, ok := gen.compare(g.behind); ok && order != 0 {
		return order > 0
	}
	return c.info.mtime > g.since
}

// An ended file was read to its end, delivered and forgotten.
type ended struct {
	mark
	at, log string // where it was last, and what it is a generation of
}

// wasDone reports whether c was read to its end, delivered and forgotten.
func (s *scanner) wasDone(c *candidate) bool {
	past, ok := s.done[c.info.id]
	return ok && past.holds(c.h, s.buf)
}

// takeSkipped follows c as one of the files that lay at the path of g, unless
// it is a copy of one that is followed.
func (s *scanner) takeSkipped(g gap, c *candidate, now time.Time) *file {
	n := s.newFile(g.path, c.info, now)
	n.setPlace(c.path)
	n.real, n.moved, n.weighed, n.packed = c.path, now, true, packedKind(c.path)
	s.takeHandle(n, c.h)
	s.readPrefix(n)
	if s.original(n) != nil {
		s.log.Info("a rotated file holds what another does, and is taken for a copy", slog.String("path", g.path), slog.String("found", c.path))
		s.shut(n)
		return nil
	}
	n.stream, n.labels = s.mint(n.path), g.labels
	s.register(n)
	s.hint(n, c.path)
	s.log.Info("a file was rotated before it was seen", slog.String("path", g.path), slog.String("found", c.path))
	return n
}
