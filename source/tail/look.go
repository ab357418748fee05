package tail

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// look visits every path that is followed and every file that patterns find.
func (s *scanner) look(now time.Time) {
	before := len(s.files)
	s.sweep.before, s.sweep.began = s.sweep.began, now.Add(-clockTick).UnixNano()
	clear(s.sweep.failed)
	clear(s.listings)
	s.denied, s.full = false, false
	w := walk{
		list: s.readDir,
		file: func(path string) {
			if sp := s.spots[path]; sp != nil && sp.cur != nil && sp.cur.at == path {
				return // it is looked at in its own time
			}
			if !excluded(s.exclude, path) {
				s.visit(path, now)
			}
		},
		followed: func(path string) bool { return s.spots[path] != nil },
		watch:    s.watchFolder,
		folder:   s.fine,
		fail: func(path string, err error) {
			if !exhausted(err) { // or the next look finds it
				s.complain(path, err)
			}
		},
	}
	for i := range s.patterns {
		w.run(&s.patterns[i])
	}
	if s.crowded && !s.full {
		s.crowded = false
		s.log.Info("no more files than MaxFiles any more", slog.Int("files", len(s.files)))
	}
	s.tidySpots()
	s.pruneFailures()
	if s.checkFolders() || len(s.files) != before {
		s.sweep.changed = now
	}
	s.sweep.ended = time.Now()
	s.sweep.took = s.sweep.ended.Sub(now)
	s.sweep.due = s.sweep.ended.Add(pause(now.Sub(s.sweep.changed), s.Poll, s.IdlePoll))
}

// tidySpots keeps of the files that were forgotten what is needed to find those
// that followed them. Paths where nothing is are remembered for that too, but
// not without a bound: with dates in their names they would become ever more.
func (s *scanner) tidySpots() {
	var vacant []string
	for path, sp := range s.spots {
		if sp.prev != nil {
			if _, ok := s.files[sp.prev]; ok {
				continue
			}
			if sp.prev.src != nil {
				sp.prev = sp.prev.remains()
			}
		}
		if sp.cur == nil && (sp.prev == nil || !s.named(path)) {
			vacant = append(vacant, path)
		}
	}
	for _, path := range vacant {
		if s.spots[path].prev == nil || len(vacant) > maxDone {
			delete(s.spots, path)
		}
	}
}

// pruneFailures drops the failures of paths that the look under way did not
// find to fail: most have vanished. Those of files that are followed stay, which
// it does not visit.
func (s *scanner) pruneFailures() {
	for f := range s.files {
		if f.trouble != "" || f.hidden {
			s.sweep.failed[f.path] = struct{}{}
		}
	}
	s.src.keepFailures(s.sweep.failed)
}

// visit finds out which file path leads to, if it is accepted.
func (s *scanner) visit(path string, now time.Time) {
	switch {
	case s.refused(path):
		s.waits(path)
	case s.late(path):
		s.first = true
		s.arrive(path, now)
		s.first = false
		s.rejoin(path, now)
	default:
		s.arrive(path, now)
	}
}

// arrive finds out which file path leads to.
func (s *scanner) arrive(path string, now time.Time) {
	st, err := statPath(path)
	if err == nil && !st.mode.IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		s.vacate(path, st.mode, err, now)
		return
	}
	f := s.known(st.id, path, now)
	if f == nil {
		if !s.welcome(path, st, now) {
			return
		}
		if f = s.admit(path, now); f == nil {
			return
		}
	}
	s.lead(path, f, now)
}

// lead notes that path, which is followed, leads to f.
func (s *scanner) lead(path string, f *file, now time.Time) {
	sp := s.spots[path]
	since := s.sweep.before
	if sp == nil {
		sp = &spot{path: path}
		s.spots[path] = sp
		if s.Rotated {
			since = 0
		}
	}
	s.occupy(sp, f, now)
	if sp.prev == nil && !s.first && !f.initial && !f.known && f.after == nil && f.at == f.path && f.path == path {
		// The first that is seen here. Since the last look there may have been
		// others.
		s.awaits(f, gap{path: path, name: f.log, where: f.log, tag: f.tag, since: since}, s.lately(dirOf(f.log), now))
	}
}

// welcome reports whether the file at path, which is not followed, is to be.
func (s *scanner) welcome(path string, st fileInfo, now time.Time) bool {
	if len(s.files) >= s.MaxFiles {
		if !s.crowded {
			s.log.Warn("more files than MaxFiles, the others are left out", slog.Int("files", len(s.files)), slog.String("path", path))
		}
		s.crowded, s.full = true, true
		return false
	}
	if s.IgnoreOlder == 0 || now.Sub(time.Unix(0, st.mtime)) <= s.IgnoreOlder {
		return true
	}
	return slices.ContainsFunc(s.claims[st.id], func(name string) bool { _, ok := s.orphans[name]; return ok })
}

// known returns the file that has this identity, nil if there is none. A file
// that is closed may have been deleted and its number given to another.
func (s *scanner) known(id identity, path string, now time.Time) *file {
	f := s.byID[id]
	if f == nil || f.h != nil || f.at == path {
		return f
	}
	h, err := s.openPath(path)
	if err != nil {
		return f
	}
	defer h.Close()
	if s.same(f, h) {
		return f
	}
	delete(s.byID, id)
	if f.retired {
		s.forget(f)
		return nil
	}
	f.setPlace("")
	s.left(f, now)
	f.gone = true
	s.agenda.set(f, now)
	return nil
}

// occupy notes that sp leads to f.
func (s *scanner) occupy(sp *spot, f *file, now time.Time) {
	old := sp.cur
	if f.h != nil {
		s.use(f) // what has a path can be opened again
	}
	if old == f {
		f.addName(sp.path) // it may have been taken for lost while it was renamed
		return
	}
	sp.cur = f
	if f.retired {
		s.revive(f)
	}
	f.addName(sp.path)
	s.hint(f, sp.path)
	if sp.path == f.path && !f.moved.IsZero() {
		f.moved, f.drained, f.final, f.settled = time.Time{}, false, false, false // it is back
	}
	if old != nil {
		s.lose(old, sp.path, now)
		sp.prev = old
	}
	// What was here before is read to its end first, so that the lines of one
	// path stay in order.
	if p := sp.prev; p != nil && p != f && !f.begun && f.after == nil && !p.moved.IsZero() {
		f.before = p
		if f.await(s.skipped(p, f, now)); f.after != nil {
			s.dequeue(f) // another path may have led to it before
		}
	}
	s.enqueue(f)
	s.appoint(f, now)
}

// vacate notes that path leads to no file.
func (s *scanner) vacate(path string, mode fs.FileMode, err error, now time.Time) {
	absent := errors.Is(err, fs.ErrNotExist)
	if sp := s.spots[path]; sp != nil && sp.cur != nil && (missing(err) || errors.Is(err, errNotRegular)) {
		s.lose(sp.cur, path, now)
		s.sweep.changed = now
		if absent {
			return // as a rule the next one comes at once
		}
	}
	switch named := s.named(path); {
	case absent && !named:
		s.src.fail(path, nil)
	case absent && !s.Once:
		if s.fail(path, err) {
			s.log.Warn("a file does not exist, it is waited for", slog.String("path", path))
		}
	case !named && mode.IsDir():
	default:
		s.complain(path, err)
	}
}

// named reports whether path is given as such.
func (s *scanner) named(path string) bool {
	return slices.ContainsFunc(s.patterns, func(p pattern) bool { return p.glob == "" && p.path == path })
}

// admit begins to follow the file at path, which is open for the first time. It
// returns nil if it cannot be read.
func (s *scanner) admit(path string, now time.Time) *file {
	h, err := s.openPath(path)
	if exhausted(err) {
		return nil // the next look finds it
	}
	if err != nil {
		s.complain(path, err)
		return nil
	}
	st, err := h.stat()
	if err == nil && !st.mode.IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		h.Close()
		s.complain(path, err)
		return nil
	}
	if f := s.byID[st.id]; f != nil && (f.h != nil || s.same(f, h)) {
		h.Close() // the path changed between the looks
		return f
	}
	s.src.fail(path, nil)
	f := s.newFile(path, st, now)
	s.takeHandle(f, h)
	s.readPrefix(f)
	s.register(f)
	if s.adoptByID(f, now) || s.adoptByPath(f, now) {
		return f
	}
	f.stream = s.mint(f.path)
	f.tag = s.tagOf(f.path)
	if e, ok := s.done[st.id]; ok && f.packed == unpacked && e.holds(h, s.buf) {
		f.begin, f.offset, f.anchor, f.weighed = e.offset, e.offset, e.anchor, true // it was read, and has come back
		return f
	}
	if size := s.leftOut(path, st); size >= 0 && !s.blamed[path] {
		f.initial = true
		if f.packed != unpacked {
			f.whole = st.size
			return f
		}
		f.begin = s.lastLine(h, size, f.prefix)
		f.offset = f.begin
	}
	return f
}

func (s *scanner) newFile(path string, st fileInfo, now time.Time) *file {
	f := &file{path: path, id: st.id, mtime: st.mtime, links: st.links, changed: now, place: -1, announce: true}
	f.anchor = anchorOf(nil)
	f.setPlace(path)
	f.setSize(st.size)
	if st.size == 0 {
		f.blank = st.mtime
	}
	f.real = realPath(path)
	f.log = cmp.Or(f.real, path)
	f.initial, f.packed = s.first, packedKind(path)
	if since := now.Sub(time.Unix(0, st.mtime)); s.first && since > 0 {
		f.changed = now.Add(-min(since, s.IdlePoll*4))
	}
	f.show(Reading)
	return f
}

// readPrefix notes the first bytes of a new file.
func (s *scanner) readPrefix(f *file) {
	if f.packed != unpacked {
		return // it may not be complete
	}
	n, _ := f.h.ReadAt(s.buf[:printMax], 0)
	f.setPrefix(bytes.Clone(s.buf[:n]))
}

// register makes f one of the files that are followed.
func (s *scanner) register(f *file) {
	s.files[f] = struct{}{}
	s.byID[f.id] = f
	if f.packed != unpacked {
		s.packed[f] = struct{}{}
		f.shown.packed.Store(true)
	}
	s.learn(f)
	s.src.show(&f.shown)
}

// mint makes the name of a new stream. It holds the path for people to read;
// the number tells apart the files that come to lie there.
func (s *scanner) mint(path string) string {
	for n := time.Now().UnixNano(); ; n++ {
		name := path + "#" + strconv.FormatInt(n, 36)
		if _, taken := s.names[name]; !taken {
			s.names[name] = struct{}{}
			return name
		}
	}
}

// realPath is where path leads without symbolic links, "" if that is path.
func realPath(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || real == path {
		return ""
	}
	return real
}

// logName is what path leads to: the path in whose folder its generations lie.
func logName(path string) string {
	return cmp.Or(realPath(path), path)
}

// lastLine is where the last line that is not finished begins: the end of a
// file whose last line is.
func (s *scanner) lastLine(h reader, size int64, head []byte) int64 {
	newline := s.newline(head)
	unit := int64(len(newline))
	size -= size % unit
	buf := make([]byte, min(size, int64(s.MaxLine)*unit))
	base := size - int64(len(buf))
	n, _ := h.ReadAt(buf, base)
	for buf := buf[:n]; ; {
		i := bytes.LastIndex(buf, newline)
		if i < 0 {
			break
		}
		if i%len(newline) == 0 {
			return base + int64(i) + unit
		}
		buf = buf[:i+len(newline)-1]
	}
	if int64(n) == size {
		return 0
	}
	return size
}
