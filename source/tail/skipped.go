package tail

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"
)

// skipped looks for files that lay at the path of f after f did and are gone
// from there already: it was rotated more than once between two looks, or
// while nobody looked. They are followed in their order. It returns the file
// whose end next, what came there after them, has to wait for, nil if there is
// none. Next is nil if nothing is there yet.
func (s *scanner) skipped(f, next *file, now time.Time) *file {
	last := f
	if _, ok := s.files[f]; !ok || f.drained || f.gone {
		last = nil
	}
	g := gap{path: f.path, name: f.log, where: f.where(), tag: f.tag, since: f.mtime, behind: f}
	g.before(next)
	if f.h != nil {
		if st, err := f.h.stat(); err == nil {
			g.since = st.mtime
		}
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
	if f.begun {
		return false
	}
	g := gap{path: f.path, name: f.log, where: f.log, tag: f.tag, since: since}
	g.behind = cmp.Or(f.after, f.before, s.last[f.path])
	return s.awaits(f, g, s.lately(dirOf(f.log), now))
}

// awaits looks for what lies in g, before f, and reports whether f has to wait
// for any of it.
func (s *scanner) awaits(f *file, g gap, now time.Time) bool {
	before := f.after
	g.before(f)
	f.await(s.bridge(g, before, now))
	if f.after == before {
		return false
	}
	s.dequeue(f)
	f.show(Waiting)
	return true
}

// before has g end where f begins, if f is not nil.
func (g *gap) before(f *file) {
	if g.ahead = f; f != nil {
		g.until = f.mtime
	}
}

// bridge follows what is found in g behind last, which may be nil, and returns
// the last of it. If what is ahead was copied and truncated meanwhile, that is as
// far as it goes: the copy comes next, and then what was found behind it.
func (s *scanner) bridge(g gap, last *file, now time.Time) *file {
	if s.Once {
		return last
	}
	all := s.passages(g, now)
	for i, p := range all {
		n, of := s.takeSkipped(g, p.candidate, now)
		if n != nil {
			n.await(last)
			last = n
			s.enqueue(n)
			s.appoint(n, now)
		} else if of != nil && of == g.ahead && s.altered(of) {
			dismissAll(all[i+1:])
			break
		}
	}
	return last
}

// altered reports whether f, which can be read, does not begin any more as it did.
func (s *scanner) altered(f *file) bool {
	h, done := s.peek(f)
	defer done()
	return h != nil && !(mark{print: printOf(f.prefix)}).holds(h, s.buf)
}

// takeSkipped follows c as one of the files that lay at the path of g, unless
// it is a copy of one that is followed, which it returns then.
func (s *scanner) takeSkipped(g gap, c *candidate, now time.Time) (n, of *file) {
	n = s.newFile(g.path, c.info, now)
	n.setPlace(c.path)
	n.real, n.moved, n.weighed, n.packed = c.path, now, true, c.packed
	s.takeHandle(n, c.h)
	s.readPrefix(n)
	if n.packed != unpacked && s.unpacksKnown(n, now) {
		s.shut(n)
		return nil, nil
	}
	if s.adoptByID(n, now) {
		s.register(n) // it was missed while it was renamed
		s.hint(n, c.path)
		return n, nil
	}
	if n.packed == unpacked {
		of = s.original(n)
	}
	if of != nil {
		s.log.Info("a rotated file holds what another does, and is taken for a copy", slog.String("path", g.path), slog.String("found", c.path))
		s.shut(n)
		return nil, of
	}
	n.stream, n.tag = s.mint(n.path), g.tag
	s.register(n)
	s.hint(n, c.path)
	level := slog.LevelInfo
	if g.since == 0 {
		level = slog.LevelDebug // they are wanted: see Config.Rotated
	}
	s.log.Log(context.Background(), level, "a file was rotated before it was seen", slog.String("path", g.path), slog.String("found", c.path))
	return n, nil
}

// unpacksKnown reports whether n, a compressed generation that was just found,
// holds what is read elsewhere, or was, or is still being written: then there is
// the file that it is made of. Only the beginning is looked at.
func (s *scanner) unpacksKnown(n *file, now time.Time) bool {
	n.changed = time.Unix(0, n.mtime)
	prefix, err := n.h.unpacker().prefix(s.buf)
	defer n.h.rest()
	if err != nil && len(prefix) == 0 {
		n.weighed = false
		return s.unripe(n, now)
	}
	n.setPrefix(slices.Clone(prefix))
	_, past := s.pastOf(n)
	return past || s.packedFrom(n) != nil
}
