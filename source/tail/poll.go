package tail

import (
	"bytes"
	"time"
)

// poll looks at one file and decides what is to be done with it.
func (s *scanner) poll(f *file, now time.Time) {
	defer s.appoint(f, now)
	f.looked = now
	if f.retired {
		s.revisit(f, now)
		return
	}
	st, ok := s.locate(f, now)
	if !ok {
		return
	}
	grown := st.size != f.size || st.mtime != f.mtime
	if grown {
		f.changed = now
	}
	if f.trouble != "" && f.lost() && now.Sub(f.moved) > probeMax && !f.busy && !f.queued {
		s.lost(f, "a rotated file cannot be read, and is given up")
		s.forget(f)
		return
	}
	if f.packed != unpacked {
		f.links = st.links
		s.pollPacked(f, st, grown, now)
		return
	}
	if st.size < f.seen {
		s.shrunken(f, st, now)
		return
	}
	f.links = st.links
	if f.busy {
		// The rest is the reader's to see, and looked at when it is done.
		f.shown.size.Store(st.size)
		f.seen, f.again = st.size, f.again || grown
		return
	}
	f.mtime = st.mtime
	f.setSize(st.size)
	f.gauge(now)
	if f.h != nil && int64(len(f.prefix)) < min(printMax, f.size) && !s.extend(f) {
		s.verify(f, now)
		return
	}
	switch {
	case f.held != nil:
		s.weigh(f, now)
	case f.queued:
	case grown || !f.resting || st.size > f.end() || s.complete(f, now) || f.trouble != "":
		s.enqueue(f)
	case !f.moved.IsZero():
		s.part(f, now)
	case s.unheralded(f, now):
		s.enqueue(f)
	default:
		s.probe(f, now)
	}
}

// complete reports whether f, which no reader has, ends in a record that is whole
// because nothing was added to it for long enough.
func (s *scanner) complete(f *file, now time.Time) bool {
	return f.pending && (now.Sub(f.changed) >= s.Multiline.Timeout || s.asleep(f))
}

// asleep reports whether f, which others wait for since it was rotated, was last
// written to that long ago, however late it is read.
func (s *scanner) asleep(f *file) bool {
	if f.moved.IsZero() || f.drained || f.h == nil {
		return false
	}
	st, err := f.h.stat()
	return err == nil && time.Since(time.Unix(0, st.mtime)) >= s.Multiline.Timeout+clockTick
}

// lingers reports whether f ends in a record that has to be closed in time. One
// that waits for a reader, or cannot be read, is not looked at more often for it.
func (s *scanner) lingers(f *file) bool {
	return !f.busy && f.pending && !f.queued && !f.gone && !f.retired && f.trouble == ""
}

// locate finds f where it was last, or else through its handle. ok is false if
// it is nowhere any more.
func (s *scanner) locate(f *file, now time.Time) (st fileInfo, ok bool) {
	if f.gone {
		s.vanished(f, now)
		return fileInfo{}, false
	}
	if f.at != "" {
		st, err := statPath(f.at)
		if err != nil && !missing(err) {
			return s.hidden(f, err)
		}
		if f.hidden {
			f.hidden = false
			f.showErr(nil)
			s.fine(f.path)
		}
		if err == nil && st.id == f.id {
			return st, true
		}
		// Something else is there, or nothing. Another of its names may do.
		for f.at != "" {
			was := f.at
			if s.spots[was] != nil {
				s.visit(was, now)
			}
			if sp := s.spots[was]; f.at == was && (sp == nil || sp.cur != f) {
				s.lose(f, was, now)
				continue
			}
			if st, err := statPath(f.at); err == nil && st.id == f.id {
				return st, true
			}
			if f.at == was {
				return fileInfo{}, false // it comes and goes: the next look tells
			}
		}
	}
	if f.h == nil {
		if found, sure := s.seek(f, now); !found {
			if sure && !s.starved {
				s.vanished(f, now)
			}
			return fileInfo{}, false
		}
	}
	st, err := f.h.stat()
	if err != nil {
		s.broken(f, err, now)
		return fileInfo{}, false
	}
	return st, true
}

// lose notes that path leads to f no more.
func (s *scanner) lose(f *file, path string, now time.Time) {
	f.dropName(path)
	if sp := s.spots[path]; sp != nil && sp.cur == f {
		sp.cur, sp.prev = nil, f // whatever it leads to next
	}
	if f.at == "" {
		// It may be on its way to another path that is followed.
		f.changed, f.settled = now, false
	}
	if path == f.path || f.at == "" {
		s.left(f, now)
	}
}

// left notes that f is not at its path any more.
func (s *scanner) left(f *file, now time.Time) {
	if !f.moved.IsZero() {
		return
	}
	f.moved, f.changed = now, now
	f.show(Rotated)
	s.enqueue(f)
}

// quiet is since when nothing has happened to f.
func (f *file) quiet() time.Time { return later(f.changed, f.moved) }

// part sees a file off that was rotated and read to its end.
func (s *scanner) part(f *file, now time.Time) {
	switch {
	case s.succeed(f, now):
		return
	case now.Sub(f.quiet()) < s.RotateWait:
		return
	case f.rest > 0 && !f.final:
		f.final = true
		s.enqueue(f)
		return
	}
	s.probe(f, now)
	if !f.delivered() || f.busy || f.queued || s.packing(f) {
		return
	}
	if len(f.names) == 0 {
		if f.links > 0 && !s.Once && !s.sweep.ended.After(f.quiet()) {
			s.sweep.due = now // before it is forgotten, all paths are looked at for it
			return
		}
		s.finish(f, now)
		return
	}
	// It is followed by another name too: more may be added any time.
	f.final, f.settled = false, true
	f.show(Idle)
	s.shut(f)
}

// probe asks, now and then, whether a stream was lost after its last batch was
// sent: nothing else would be sent that could tell.
func (s *scanner) probe(f *file, now time.Time) {
	if f.delivered() {
		f.probed = time.Time{}
		return
	}
	if f.probed.IsZero() {
		f.probed = now
		return
	}
	if now.Sub(f.probed) >= min(max(now.Sub(f.changed)/2, probeMin), probeMax) {
		f.probed, f.ask = now, true
		s.enqueue(f)
	}
}

// vanished notes that f was deleted while it was closed.
func (s *scanner) vanished(f *file, now time.Time) {
	if f.busy {
		return
	}
	if (f.unread() > 0 || !f.delivered()) && s.intoPacked(f, now) {
		return
	}
	if !f.gone {
		s.lost(f, "a file was deleted while it was closed, and what it held is lost")
	}
	f.gone = true
	s.dequeue(f)
	s.drain(f, now)
	f.resting = true
	switch {
	case f.delivered() && s.emptied(f, now):
		s.expect(f, now)
	case f.delivered() && !s.packing(f), now.Sub(f.changed) > probeMax:
		s.forget(f)
	}
}

// emptied reports whether nothing at all is left in the folder of f: it may be
// that of a file system that is mounted there again.
func (s *scanner) emptied(f *file, now time.Time) bool {
	dir := dirOf(f.where())
	return len(s.orphans) < maxDone && len(s.list(dir, s.lately(dir, now)).names) == 0
}

// expect stops following f, and keeps its cursor for a while: it may come back.
func (s *scanner) expect(f *file, now time.Time) {
	if f.sent == "" && !f.resumed {
		s.forget(f)
		return
	}
	s.orphan(f.stream, memo{cursor: f.cursor(), begin: f.begin, acked: true, since: now})
	s.drop(f)
}

// forget drops f for good: what it held has been delivered.
func (s *scanner) forget(f *file) {
	if f.offset > 0 && f.packed == unpacked {
		s.remember(f)
	}
	s.drop(f)
	s.out.Forget(f.stream)
	delete(s.names, f.stream)
}

// drop stops following f.
func (s *scanner) drop(f *file) {
	s.dequeue(f)
	s.shut(f)
	closeHandle(f.pinned)
	f.pinned = nil
	s.agenda.remove(f)
	delete(s.files, f)
	s.heads.remove(f)
	if s.last[f.path] == f {
		delete(s.last, f.path)
	}
	if s.byID[f.id] == f {
		delete(s.byID, f.id)
	}
	for _, path := range f.names {
		if sp := s.spots[path]; sp != nil && sp.cur == f {
			sp.cur = nil
		}
	}
	s.unhint(f)
	delete(s.packed, f)
	if s.unpacking == f {
		s.unpacking = nil
	}
	for n := range s.suspects(f) {
		s.weighed(n, f)
	}
	for n := range s.waiters(f) {
		n.after = nil
		s.enqueue(n)
	}
	s.src.hide(&f.shown)
}

func (s *scanner) dequeue(f *file) {
	if s.unpacking == f && !f.busy {
		s.unpackDone(f)
	}
	if !f.queued {
		return
	}
	f.queued = false
	for e := s.ready.Front(); e != nil; e = e.Next() {
		if e.Value == f {
			s.ready.Remove(e)
			return
		}
	}
}

// extend takes more of f's first bytes into its print. It reports false if
// those that were known are not there any more.
func (s *scanner) extend(f *file) bool {
	f.learn()
	if len(f.prefix) == printMax {
		return true
	}
	if !f.mark().holds(f.h, s.buf) {
		return false // what is there now is not what was read
	}
	n, _ := f.h.ReadAt(s.buf[:printMax], 0)
	if n < len(f.prefix) || !bytes.Equal(s.buf[:len(f.prefix)], f.prefix) {
		return false
	}
	if n > len(f.prefix) {
		f.setPrefix(bytes.Clone(s.buf[:n]))
		s.learn(f)
	}
	return true
}

// learn takes over what a reader found at f's beginning, at any time, and has it
// found by how it begins.
func (s *scanner) learn(f *file) {
	f.learn()
	if _, ok := s.files[f]; ok && f.packed == unpacked {
		s.heads.put(f)
	}
}
