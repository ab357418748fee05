package tail

import (
	"bytes"
	"log/slog"
	"slices"
	"time"
)

// comparisons bounds how many files that begin alike a new one is compared with.
const comparisons = 16

// maxHold bounds how long a file is held because it may be a copy of another.
const maxHold = 5 * time.Minute

// shrunken deals with a file that is shorter than it was.
func (s *scanner) shrunken(f *file, st fileInfo, now time.Time) {
	f.changed = now
	if !f.busy {
		s.verify(f, now)
		return
	}
	// A reader has it, perhaps for as long as a route is blocked. Until then
	// the copy may be renamed or compressed: it is opened now.
	f.learn()
	f.suspect = true
	f.seen = st.size
	if f.pinned == nil {
		switch c := s.findCopy(f, mark{print: printOf(f.prefix)}, now); {
		case c == nil:
		case c.f == nil:
			f.pinned = c.h
		default:
			s.dismiss(c)
		}
	}
}

// verify finds out whether f was truncated, and if so goes on with what it
// holds now.
func (s *scanner) verify(f *file, now time.Time) {
	if f.h == nil && !s.reopen(f, now) {
		return
	}
	st, err := f.h.stat()
	if err != nil {
		s.broken(f, err, now)
		return
	}
	same, err := f.mark().check(f.h, s.buf)
	if err != nil {
		s.broken(f, err, now)
		return
	}
	if same {
		f.size, f.seen = st.size, st.size
		s.enqueue(f)
		return
	}
	s.truncated(f, st, now)
}

// truncated goes on after a truncation. If the file was copied before, as
// logrotate's copytruncate does, its stream goes on in the copy and the file is
// a new one, which waits for that. It is found before anything about the old
// content is dropped: new files are recognised as copies by it.
func (s *scanner) truncated(f *file, st fileInfo, now time.Time) {
	s.dequeue(f)
	if !s.Once && now.Sub(s.sweep.ended) > 10*s.sweep.took {
		s.look(now)
	}
	if s.heralding(f) {
		f.resting = false // it is found out again when that is over
		return
	}
	c := s.findCopy(f, f.mark(), now)
	if c == nil {
		c = s.findCopyStill(f)
		now = time.Now()
	}
	if c == nil {
		c = s.packedCopy(f, now)
	}
	if f.h == nil && !s.reopen(f, now) { // closed to open others
		s.dismiss(c)
		return
	}
	if c == nil && !f.moved.IsZero() && s.defaced(f, now) {
		return
	}
	if c == nil {
		s.lost(f, "a file was truncated before it was read to its end, and no copy was found")
		s.restart(f, st, now)
		return
	}
	if c.short {
		s.lost(f, "a file was truncated before it was read to its end, and its copy is shorter")
	}
	n := s.newFile(f.path, st, now)
	n.stream, n.tag = s.mint(n.path), f.tag
	n.setPlace(f.at)
	n.real = f.real
	n.names, f.names = f.names, nil
	s.unhint(f)
	s.takeHandle(n, s.yield(f))
	s.readPrefix(n)
	s.register(n)
	for _, path := range n.names {
		s.spots[path].cur = n
		s.hint(n, path)
	}
	n.moved, n.weighed = f.moved, true
	s.move(f, c, now)
	s.insert(n, f)
	n.await(s.skipped(f, n, now))
	s.enqueue(n)
	s.appoint(n, now)
}

// insert has n come between f, in whose place it is, and what follows that: if n was
// renamed since, that is there already, or to come.
func (s *scanner) insert(n, f *file) {
	if n.moved.IsZero() {
		return // thousands may be truncated together
	}
	for w := range s.waiters(f) {
		w.await(n)
	}
	for _, sp := range s.spots {
		if sp.prev == f {
			sp.prev = n
		}
	}
}

// defaced deals with a rotated file that holds something else. No writer of logs
// does that: as a rule it is being shredded. It is read again only if it stays,
// and a path that is followed leads to it.
func (s *scanner) defaced(f *file, now time.Time) bool {
	if f.lost() {
		s.log.Warn("a rotated file was overwritten, and is left", slog.String("path", f.path), slog.Int64("unread", f.unread()))
		s.forget(f)
		return true
	}
	if f.foreign.IsZero() {
		f.foreign = now
	}
	f.resting = false // it is looked at again
	return now.Sub(f.foreign) < s.RotateWait
}

// heralding reports whether a reader has a file that is new and may be a copy of
// f: it was empty for a moment.
func (s *scanner) heralding(f *file) bool {
	for n := range s.reading {
		if n != f && !n.begun && n.packed == unpacked {
			return true
		}
	}
	return false
}

// restart goes on at the beginning of a file whose former content is gone.
func (s *scanner) restart(f *file, st fileInfo, now time.Time) {
	if f.offset > 0 && f.packed == unpacked {
		s.remember(f) // the former content may turn up compressed
	}
	f.epoch++
	f.foreign = time.Time{}
	f.offset, f.begin, f.anchor = 0, 0, anchorOf(nil)
	f.rest, f.scan, f.announce = 0, 0, false
	f.passed, f.pending = passed{}, false
	f.seen, f.changed, f.resting, f.begun = 0, now, false, false
	f.blank, f.whole = 0, 0
	if f.setSize(st.size); st.size == 0 {
		f.blank = st.mtime
	}
	f.setPrefix(nil)
	s.learn(f)
	closeHandle(f.pinned)
	f.pinned = nil
	f.showPos()
	for n := range s.suspects(f) {
		s.release(n)
	}
	s.enqueue(f)
}

// move has f's stream go on in c.
func (s *scanner) move(f *file, c *candidate, now time.Time) {
	s.dequeue(f) // what is compressed waits elsewhere
	s.shut(f)
	if s.byID[f.id] == f {
		delete(s.byID, f.id)
	}
	if f.pinned != nil && f.pinned != c.h {
		f.pinned.Close()
	}
	f.pinned = nil
	if n := c.f; n != nil {
		f.names = n.names
		if n.h != nil {
			c.h = s.yield(n)
		}
		n.names = nil
		s.drop(n)
		if n.known {
			s.out.Forget(n.stream)
		}
		delete(s.names, n.stream)
	}
	f.id, f.mtime, f.links = c.info.id, c.info.mtime, c.info.links
	if c.short {
		tail := s.buf[:min(c.info.size, anchorMax)]
		c.h.ReadAt(tail, c.info.size-int64(len(tail))) // if that fails, so does the next read
		f.offset, f.anchor, f.passed, f.rest, f.scan = c.info.size, hash(tail), passed{}, 0, 0
	}
	f.seen, f.resting, f.whole = 0, false, 0
	if f.packed = c.packed; f.packed != unpacked {
		s.packed[f] = struct{}{}
		f.shown.packed.Store(true)
	}
	f.setSize(c.info.size)
	f.setPlace(c.path)
	f.real = realPath(c.path)
	if f.real == "" && c.path != f.path {
		f.real = c.path
	}
	s.byID[f.id] = f
	s.takeHandle(f, c.h)
	for _, path := range f.names {
		s.spots[path].cur = f
		s.hint(f, path)
	}
	f.moved, f.changed = now, now
	f.drained, f.final, f.settled = false, false, false
	for n := range s.suspects(f) {
		s.release(n)
	}
	s.enqueue(f)
	s.appoint(f, now)
}

// original returns the file that n, a new one, may be a copy of: one that
// begins like it. Whether it is shows when that one is truncated, or when they
// diverge.
func (s *scanner) original(n *file) *file {
	if s.Once || len(n.prefix) == 0 {
		return nil
	}
	for f := range s.reading {
		s.learn(f)
	}
	for _, path := range logsOf(n.where()) {
		if f := s.hints[path]; f != nil && s.mayCopy(n, f) && alike(n.prefix, f.prefix) && !s.diverged(n, f) {
			return f
		}
	}
	left := comparisons
	for f := range s.heads.alike(n.prefix) {
		if !s.mayCopy(n, f) {
			continue
		}
		if !s.diverged(n, f) {
			return f
		}
		if left--; left == 0 {
			return nil // a thousand logs with one header are not copies of each other
		}
	}
	return nil
}

// mayCopy reports whether n may be a copy of f, as far as f goes.
func (s *scanner) mayCopy(n, f *file) bool {
	return f != n && f.held == nil && !f.gone && !f.retired && f.packed == unpacked
}

// unsettled returns a log of which n is a generation by its name, and which has
// not been looked at since it was truncated, or since it was empty: what it
// holds now may be what n is a copy of.
func (s *scanner) unsettled(n *file) *file {
	if s.Once {
		return nil
	}
	for _, path := range logsOf(n.where()) {
		f := s.hints[path]
		if f == nil || f == n || f.held != nil || f.gone || f.packed != unpacked {
			continue
		}
		h, done := s.peek(f)
		defer done()
		if h == nil {
			continue
		}
		if f.learn(); len(f.prefix) == 0 && !f.busy && f.h != nil {
			s.extend(f)
		}
		if !(mark{print: printOf(f.prefix)}).holds(h, s.buf) || !f.busy && !f.mark().holds(h, s.buf) {
			return f
		}
	}
	return nil
}

// alike reports whether one begins with the other.
func alike(a, b []byte) bool {
	m := min(len(a), len(b))
	return m > 0 && bytes.Equal(a[:m], b[:m])
}

// diverged reports whether n, which begins like f, certainly is no copy of it:
// it is longer, or holds something else at its end.
func (s *scanner) diverged(n, f *file) bool {
	if !alike(n.prefix, f.prefix) {
		return true
	}
	a, done := s.peek(n)
	defer done()
	b, done := s.peek(f)
	defer done()
	if a == nil || b == nil {
		return false
	}
	st, err := b.stat()
	if err != nil {
		return false
	}
	if st.size >= n.size {
		k := min(n.size, anchorMax)
		var x, y [anchorMax]byte
		kx, _ := a.ReadAt(x[:k], n.size-k)
		ky, _ := b.ReadAt(y[:k], n.size-k)
		if kx < int(k) || ky < int(k) || x == y {
			return false
		}
	}
	// Unless f was truncated before that was looked at, in which case it says
	// nothing.
	return mark{print: printOf(f.prefix)}.holds(b, s.buf)
}

// weigh decides whether n is held any longer.
func (s *scanner) weigh(n *file, now time.Time) {
	f := n.held
	// Between the copy and the truncation a busy machine may take its time. The
	// name tells that one will follow the other.
	quiet := s.RotateWait
	if slices.Contains(logsOf(n.where()), f.log) {
		quiet = maxHold
	}
	if now.Sub(n.changed) >= quiet || now.Sub(n.heldAt) >= maxHold {
		s.release(n)
		return
	}
	if n.h == nil && !s.reopen(n, now) {
		return
	}
	if !s.extend(n) || s.diverged(n, f) {
		s.release(n)
		return
	}
	s.agenda.hasten(f, now)
}

// release lets n be read as a file of its own.
func (s *scanner) release(n *file) {
	n.held = nil
	s.enqueue(n)
}

// succeed has the stream of f, which was deleted, go on in a copy of it that
// was made before. It reports whether there is one.
func (s *scanner) succeed(f *file, now time.Time) bool {
	if f.links > 0 {
		return false
	}
	for n := range s.suspects(f) {
		if n.packed != unpacked || n.h == nil && !s.reopen(n, now) || !f.mark().holds(n.h, s.buf) {
			continue
		}
		if st, err := n.h.stat(); err == nil {
			s.move(f, &candidate{path: n.at, info: st, h: n.h, f: n}, now)
			return true
		}
	}
	return false
}
