package tail

import (
	"context"
	"fmt"
	"log/slog"
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
	// acked is whether all up to the cursor was acknowledged: it may be only
	// what was sent.
	acked bool
	since time.Time // when its file was found to be gone
}

// begin takes up the streams of earlier runs and finds all files.
func (s *scanner) begin(ctx context.Context) {
	now := time.Now()
	s.started, s.sweep.changed = now, now
	for name, text := range s.out.Cursors(ctx) {
		if !ours(name) {
			continue
		}
		c, err := parseCursor(text)
		if err != nil {
			s.blame(name, text, err)
			continue
		}
		s.names[name] = struct{}{}
		s.orphan(name, memo{cursor: c, acked: true, since: now})
		s.newest = max(s.newest, c.mtime)
	}
	if ctx.Err() != nil {
		return // not all cursors are known: nothing may be read
	}
	for name, m := range s.src.past {
		s.names[name] = struct{}{}
		old, ok := s.orphans[name]
		m.acked, m.since = ok && old.cursor == m.cursor, now
		s.orphan(name, m)
	}
	s.first, s.answers = true, map[string]bool{}
	s.look(now)
	s.sweep.before = s.sweep.began // what came and went until then is found by line
	s.regain(now)
	s.first, s.src.begun = false, true
	s.line(now)
	s.tellMissing()
	s.answers = nil
}

// tellMissing logs that files are gone of which something may not have been read.
func (s *scanner) tellMissing() {
	var one memo
	files := 0
	for _, m := range s.orphans {
		if s.refused(m.path) {
			continue
		}
		if files++; one.path == "" || m.path < one.path {
			one = m
		}
	}
	if files == 0 {
		return
	}
	s.log.Warn("files that were followed are not found, what was added to them is not read",
		slog.Int("files", files), slog.String("path", one.path), slog.Int64("read", one.offset))
}

// orphan notes a stream whose file is to be found.
func (s *scanner) orphan(name string, m memo) {
	if _, ok := s.orphans[name]; !ok {
		s.claims[m.id] = append(s.claims[m.id], name)
		s.claimed[m.path] = append(s.claimed[m.path], name)
	}
	s.orphans[name] = m
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

// adoptByPath gives f the stream of a file that was at its path, if that was gone
// for a while, content and all, as it is when a file system is mounted anew.
func (s *scanner) adoptByPath(f *file, now time.Time) bool {
	if s.first || f.packed != unpacked {
		return false // it is looked for by more than its path
	}
	for _, name := range s.claimed[f.path] {
		if m, ok := s.orphans[name]; ok && m.print.n > 0 && m.offset > 0 && s.agrees(f, m.mark) {
			s.adopt(f, name, now)
			return true
		}
	}
	return false
}

// adopt gives f the stream of that name.
func (s *scanner) adopt(f *file, name string, now time.Time) {
	m := s.orphans[name]
	delete(s.orphans, name)
	if f.stream != "" {
		delete(s.names, f.stream)
	}
	f.stream, f.path, f.log, f.tag = name, m.path, logName(m.path), s.tagOf(m.path)
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

// regain looks for the files of all streams that were not found at followed
// paths. While a rotation renames them one may be missed: what is not found is
// looked for again, until its folder held still meanwhile.
func (s *scanner) regain(now time.Time) {
	s.regainThose(s.strays, now)
}

// strays are the streams whose files have not been found and may be looked for.
func (s *scanner) strays() (names []string) {
	for name, m := range s.orphans {
		if !s.refused(m.path) {
			names = append(names, name)
		}
	}
	return names
}

// regainThose does so for the streams that names are at each attempt.
func (s *scanner) regainThose(names func() []string, now time.Time) {
	untilStill(func() bool {
		all := names()
		slices.Sort(all)
		before := s.homes(all, now)
		k := newKin(s)
		for _, name := range all {
			s.recover(k, name, s.orphans[name], now)
		}
		now = time.Now()
		still := true
		for dir, l := range s.homes(names(), now) {
			still = still && before[dir] != nil && l.equal(before[dir])
		}
		return still
	})
}

// homes are the listings, from now on, of the folders of files that are missing.
func (s *scanner) homes(names []string, now time.Time) map[string]*listing {
	all := map[string]*listing{}
	for _, name := range names {
		m := s.orphans[name]
		dir := dirOf(m.where())
		if all[dir] == nil {
			l := s.list(dir, now)
			if l.byID == nil {
				l.index(dir)
			}
			all[dir] = l
		}
	}
	return all
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
		if c := s.openPacked(path, m); c != nil {
			s.takeIn(name, c, now)
			return
		}
	}
	if m.print.n == 0 {
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
	for _, f := range k.followed(m.print) {
		if !f.resumed && !f.begun && f.size >= m.offset && m.tells(f.id, f.where(), f.mtime) && s.holds(f, m.mark) {
			return f
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
	return c.info.size >= m.offset && m.tells(c.info.id, c.path, c.info.mtime) && m.mark.holds(c.h, buf)
}

// tells reports whether m, if it holds, is enough to recognise the file at path.
func (m memo) tells(id identity, path string, mtime int64) bool {
	if m.print.n >= strong || id == m.id && m.print.n > 0 {
		return true
	}
	// With so little to tell by, the name must agree too, and with nothing but a
	// few first bytes the time.
	return (id == m.id || m.print.n > 0 && (m.offset > 0 || mtime >= m.mtime)) &&
		generationOf(path, logName(m.path)).form != noGeneration
}

// takeIn follows a file that is not at a followed path any more, for the rest
// of what it holds.
func (s *scanner) takeIn(name string, c *candidate, now time.Time) {
	f := s.newFile(c.path, c.info, now)
	s.takeHandle(f, c.h)
	s.readPrefix(f)
	s.register(f)
	acked := s.orphans[name].acked
	s.adopt(f, name, now)
	f.moved = now
	if s.wanted(c.path) {
		s.lead(c.path, f, now) // it came there after that was looked at
		return
	}
	if acked && (f.packed == unpacked && f.size == f.offset || f.wholly()) {
		s.retire(f) // as a rule it was read to its end and delivered
	} else {
		s.enqueue(f)
	}
	s.appoint(f, now)
}

// expire forgets the streams whose file was not found for long.
func (s *scanner) expire(now time.Time) {
	if s.full || s.denied {
		return // they may be there
	}
	if now.Sub(s.expired) < s.Poll {
		return // there may be thousands, and events every millisecond
	}
	s.expired = now
	for name, m := range s.orphans {
		if now.Sub(m.since) < orphanWait {
			continue
		}
		if dir := dirOf(m.where()); s.list(dir, s.lately(dir, now)).part {
			continue
		}
		if s.refused(m.path) && s.lies(m, now) {
			m.since = now // it may be accepted any time
			s.orphans[name] = m
			continue
		}
		s.log.Warn("a file is gone, its cursor is dropped", slog.String("path", m.path), slog.Int64("offset", m.offset))
		s.out.Forget(name)
		delete(s.names, name)
		delete(s.orphans, name)
	}
	if len(s.orphans) == 0 {
		clear(s.claims)
		clear(s.claimed)
	}
}
