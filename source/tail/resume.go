package tail

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// orphanWait is how long a cursor is kept whose file cannot be found: a
	// file system may be mounted late.
	orphanWait = 10 * time.Minute
	// strong is how many first bytes make two files the same content beyond
	// doubt, if their anchors agree too.
	strong = 128
	// clockTick is how much the times of files lag behind at the most.
	clockTick = 20 * time.Millisecond
)

// A memo is what is known of a stream from before.
type memo struct {
	cursor
	begin int64 // where it starts if nothing of it was acknowledged
}

// begin takes up the streams of earlier runs and finds all files.
func (s *scanner) begin(ctx context.Context) {
	now := time.Now()
	s.started, s.sweep.changed = now, now
	for name, text := range s.out.Cursors(ctx) {
		c, err := parseCursor(text)
		if err != nil {
			s.blame(name, text, err)
			continue
		}
		s.names[name] = struct{}{}
		s.orphans[name] = memo{cursor: c}
		s.newest = max(s.newest, c.mtime)
	}
	if ctx.Err() != nil {
		return // not all cursors are known: nothing may be read
	}
	for name, m := range s.src.past {
		s.names[name] = struct{}{}
		s.orphans[name] = m
	}
	for name, m := range s.orphans {
		s.claims[m.id] = append(s.claims[m.id], name)
	}
	s.first = true
	s.look(now)
	k := newKin(s)
	for _, name := range slices.Sorted(maps.Keys(s.orphans)) {
		s.recover(k, name, s.orphans[name], now)
	}
	s.first = false
	s.line(now)
}

// blame reports a cursor that cannot be read. The file it was for, whose path
// is in the stream's name, is read from its start: lines may come twice, but
// none is left out.
func (s *scanner) blame(name, text string, err error) {
	path := name
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		path = name[:i]
	}
	s.blamed[path] = true
	s.log.Error("a cursor cannot be read, the file is read from its start",
		slog.String("path", path), slog.String("cursor", fmt.Sprintf("%.80q", text)), slog.Any("error", err))
	s.out.Forget(name)
}

// adoptByID gives f the stream whose cursor names its identity, if its content
// agrees: the number alone may have been given to another file.
func (s *scanner) adoptByID(f *file, now time.Time) bool {
	var best string
	for _, name := range s.claims[f.id] {
		m, ok := s.orphans[name]
		if !ok || !s.agrees(f, m.mark) {
			continue
		}
		if best == "" || m.offset > s.orphans[best].offset {
			best = name
		}
	}
	if best == "" {
		return false
	}
	s.adopt(f, best, now)
	return true
}

// agrees reports whether m fits f, which is open. What a compressed file holds
// further on shows when it is read.
func (s *scanner) agrees(f *file, m mark) bool {
	if u := f.h.unpacker(); u != nil {
		if m.print.n == 0 {
			return true // it was left out, or announced
		}
		ok, _ := u.resumes(m, s.buf)
		return ok
	}
	return f.size >= m.offset && m.holds(f.h, s.buf)
}

// adopt gives f the stream of that name.
func (s *scanner) adopt(f *file, name string, now time.Time) {
	m := s.orphans[name]
	delete(s.orphans, name)
	if f.stream != "" {
		delete(s.names, f.stream)
	}
	f.stream, f.path, f.log, f.labels = name, m.path, logName(m.path), s.Labels(m.path)
	f.pos = pos{epoch: m.epoch, offset: m.offset, anchor: m.anchor}
	f.whole = m.whole
	f.begin, f.announce, f.resumed, f.known, f.held = m.begin, false, true, true, nil
	if m.print.n == 0 && m.offset == 0 && f.packed == unpacked {
		f.blank = m.mtime // it was empty when it was seen last
	}
	f.showPos()
	if f.at != f.path {
		if f.real == "" {
			f.real = f.at
		}
		f.moved = now
	}
}

// recover looks for the file of a stream that was not found by its identity at
// a followed path: it was renamed, or copied and truncated, while nobody
// looked.
func (s *scanner) recover(k *kin, name string, m memo, now time.Time) {
	if s.orphans[name].path == "" {
		return // found meanwhile
	}
	if path, _ := s.find(m.id, dirOf(m.where()), now, now); path != "" {
		if c := s.openCandidate(path); c != nil {
			if m.fits(c, s.buf) {
				s.takeIn(name, c, now)
				return
			}
			c.h.Close()
		}
	}
	if m.print.n == 0 || m.offset == 0 {
		return // nothing tells a copy of it
	}
	if f := s.kinOf(k, m); f != nil {
		s.adopt(f, name, now)
		return
	}
	c := s.copyOf(k, m, now)
	if c == nil {
		c = s.packedOf(m, now)
	}
	if c != nil {
		s.takeIn(name, c, now)
	}
}

// kinOf returns a file that is followed and holds what that of m did, nil if
// there is none without a cursor of its own.
func (s *scanner) kinOf(k *kin, m memo) *file {
	if m.print.n >= strong {
		for _, f := range k.followed(m.print) {
			if !f.resumed && !f.begun && f.size >= m.offset && s.holds(f, m.mark) {
				return f
			}
		}
	}
	for f := range s.packed {
		if !f.resumed && !f.begun && s.packedCursor(f, m) {
			return f
		}
	}
	return nil
}

// copyOf looks for a copy of the file of m in its folder: of several, the one
// that was changed last.
func (s *scanner) copyOf(k *kin, m memo, now time.Time) (best *candidate) {
	for _, path := range k.others(m.print, dirOf(m.where()), now) {
		c := s.openCandidate(path)
		if c == nil {
			continue
		}
		if !m.fits(c, s.buf) || best != nil && best.info.mtime > c.info.mtime {
			c.h.Close()
			continue
		}
		if best != nil {
			best.h.Close()
		}
		best = c
	}
	return best
}

// fits reports whether c is the file of m, or a copy of it.
func (m memo) fits(c *candidate, buf []byte) bool {
	if c.info.size < m.offset || !m.mark.holds(c.h, buf) {
		return false
	}
	if m.print.n >= strong || c.info.id == m.id && m.print.n > 0 {
		return true
	}
	// With so little to tell by, the name must agree too.
	return (c.info.id == m.id || m.print.n > 0) && generationOf(c.path, logName(m.path)).form != noGeneration
}

// takeIn follows a file that is not at a followed path any more, for the rest
// of what it holds.
func (s *scanner) takeIn(name string, c *candidate, now time.Time) {
	f := s.newFile(c.path, c.info, now)
	s.takeHandle(f, c.h)
	s.readPrefix(f)
	s.register(f)
	s.adopt(f, name, now)
	f.moved = now
	if s.wanted(c.path) {
		s.lead(c.path, f, now) // it came there after that was looked at
		return
	}
	if f.packed == unpacked && f.size == f.offset || f.wholly() {
		s.retire(f) // as a rule it was read to its end and delivered
	} else {
		s.enqueue(f)
	}
	s.appoint(f, now)
}

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
		slices.SortFunc(fs, func(a, b *file) int { return cmp.Compare(a.mtime, b.mtime) })
		for i := 1; i < len(fs); i++ {
			s.follows(fs[i], fs[i-1])
		}
		s.succeeds(path, s.skipped(fs[len(fs)-1], now))
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
			s.succeeds(path, s.unseen(path, m, ok, now))
		}
	}
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
		if p := &s.patterns[i]; p.glob == "" && (s.spots[p.path] == nil || s.spots[p.path].cur == nil) {
			paths[p.path] = struct{}{}
		}
	}
	for _, m := range s.orphans {
		if s.spots[m.path] == nil {
			paths[m.path] = struct{}{}
		}
	}
	return paths
}

// unseen looks for generations of a path where no file is that was known
// before: what was written since the last that is known of this path or, if
// there is none, of any; on the very first start, since the source was made.
func (s *scanner) unseen(path string, last memo, ok bool, now time.Time) *file {
	g := gap{path: path, name: logName(path), where: logName(path), labels: s.Labels(path), since: s.newest}
	if ok {
		g.since, g.where = last.mtime, last.where()
	}
	if g.since == 0 {
		if s.From == End {
			return nil
		}
		g.since = s.src.made.Add(-clockTick).UnixNano()
	}
	return s.bridge(g, nil, now)
}

// succeeds has what is at path now wait for last, which lay there before it.
func (s *scanner) succeeds(path string, last *file) {
	if sp := s.spots[path]; sp != nil && sp.cur != nil && last != nil {
		s.follows(sp.cur, last)
	}
}

// follows has f wait for before.
func (s *scanner) follows(f, before *file) {
	if f != before && !before.drained {
		f.await(before)
		s.dequeue(f)
	}
}

// expire forgets the streams whose file was not found for long.
func (s *scanner) expire(now time.Time) {
	if len(s.orphans) == 0 || now.Sub(s.started) < orphanWait {
		return
	}
	for name, m := range s.orphans {
		s.log.Warn("a file is gone, its cursor is dropped", slog.String("path", m.path), slog.Int64("offset", m.offset))
		s.out.Forget(name)
		delete(s.names, name)
	}
	clear(s.orphans)
	clear(s.claims)
}
