package tail

import (
	"context"
	"slices"
	"strings"
	"time"
)

// unpack shows what h holds unpacked, if kind says that it is compressed.
func (h *handle) unpack(kind packing, p *plan) {
	if kind != unpacked && h.unpacker() == nil {
		// Of an entry that may go on, twice MaxLine is read again.
		h.content = newUnpacker(h.file, kind, max(unpackWindow, 2*p.MaxLine+2*chunk), p.MaxUnpacked)
	}
}

// unpacker returns what unpacks h, nil if nothing does.
func (h *handle) unpacker() *unpacker {
	u, _ := h.content.(*unpacker)
	return u
}

// until has long skips over what is known end when ctx is done.
func (h *handle) until(ctx context.Context) {
	if u := h.unpacker(); u != nil {
		u.until(ctx.Err)
	}
}

// hold keeps what follows off, which may be read again.
func (h *handle) hold(off int64) {
	if u := h.unpacker(); u != nil {
		u.keep(off)
	}
}

// rest drops the memory unpacking takes. The next read begins anew.
func (h *handle) rest() {
	if u := h.unpacker(); u != nil {
		u.until(nil)
		u.release()
	}
}

// unpackedName is the path of a compressed file without what says so.
func unpackedName(path string) string {
	for _, suffix := range packedSuffixes {
		if name, ok := strings.CutSuffix(path, suffix); ok {
			return name
		}
	}
	return path
}

// pollPacked looks at a compressed file. It is read once it is complete, as far
// as staying unchanged for RotateWait tells.
func (s *scanner) pollPacked(f *file, st fileInfo, grown bool, now time.Time) {
	if f.busy {
		f.again = f.again || grown
		return
	}
	if grown {
		f.mtime = st.mtime
		f.setSize(st.size)
		f.spoilt = false
		if f.h != nil {
			f.h.rest()
		}
	}
	switch {
	case f.spoilt && f.lost() && f.delivered():
		s.lost(f, "a compressed file is damaged and was deleted, and what it held further is lost")
		s.forget(f)
	case f.wholly():
		if f.resting = true; f.known {
			s.seen(f, now)
			return
		}
		s.enqueue(f) // for its cursor
	case f.spoilt, s.unripe(f, now):
		f.resting = f.spoilt
	case f.held != nil:
		s.weighPacked(f, now)
	case !f.queued:
		s.enqueue(f)
	}
}

// unripe reports whether f, a compressed file, may still be written.
func (s *scanner) unripe(f *file, now time.Time) bool {
	return !s.Once && now.Sub(f.changed) < s.RotateWait
}

// seen deals with a compressed file that was read.
func (s *scanner) seen(f *file, now time.Time) {
	f.show(Idle)
	if !f.moved.IsZero() {
		s.drain(f, now)
		s.part(f, now)
		return
	}
	s.probe(f, now)
}

// admitPacked decides what of a new compressed file is to be read. It is called
// at the first look at its content.
func (s *scanner) admitPacked(f *file, now time.Time) bool {
	if f.herald = f.wholly() && !f.known; f.herald {
		return true
	}
	if !f.begun && s.unripe(f, now) {
		return false
	}
	if len(f.prefix) == 0 {
		prefix, err := f.h.unpacker().prefix(s.buf)
		if err != nil && len(prefix) == 0 {
			s.dequeue(f)
			s.broken(f, err, now)
			f.spoilt = true
			return false
		}
		f.setPrefix(slices.Clone(prefix))
	}
	return f.weighed || f.resumed || s.weighPacked(f, now)
}

// weighPacked finds the file that was compressed to n, a new one, if it is known,
// and has n read from where that was read to. It reports whether n is to be read
// now.
func (s *scanner) weighPacked(n *file, now time.Time) bool {
	f := n.held
	if f == nil || !s.makes(f, n) {
		f = s.packedFrom(n)
	}
	switch {
	case f == nil:
		n.held, n.weighed = nil, true
		if m, ok := s.pastOf(n); ok {
			n.startBehind(m)
		}
		s.enqueue(n)
		return true
	case n.held != nil && (f.trouble != "" && s.Once || now.Sub(n.heldAt) >= maxHold):
		// It cannot be read, or never rests. What of it was delivered is known.
		n.held, n.weighed = nil, true
		if src := f.shown.src.Load(); src != nil { // a reader may have f
			if c, err := parseCursor(src.Cursor()); err == nil && c.epoch == f.epoch {
				n.startBehind(c.mark)
			}
		}
		s.enqueue(n)
		return true
	case !f.finished():
		// It will be read to its end itself. Until that is delivered, nothing
		// may be known of n: after a restart it would hide what is missing.
		if n.held == nil {
			s.hold(n, f, now)
		}
		n.show(Waiting)
		s.dequeue(n)
		s.agenda.hasten(f, now)
		return false
	}
	n.held, n.weighed = nil, true
	n.startBehind(f.mark())
	s.enqueue(n)
	return true
}

// wholly reports whether f, a compressed file, was read to its end.
func (f *file) wholly() bool { return f.whole > 0 && f.whole == f.size }

// unlike deals with a compressed file that does not hold what it seemed to be made
// of. It may hold less: a log that goes on was copied and compressed, and that has
// been read.
func (s *scanner) unlike(f *file, now time.Time) {
	if f.short.offset > 0 {
		if of := s.packedFrom(f); of != nil && s.heldBy(f.short, of) {
			f.short, f.begin, f.offset, f.anchor = mark{}, 0, 0, anchorOf(nil)
			f.whole, f.known = f.size, false // what remains is to note that
			f.showPos()
			s.unpackDone(f)
			s.enqueue(f)
			return
		}
	}
	f.short = mark{}
	s.restart(f, fileInfo{size: f.size, mtime: f.mtime}, now)
}

// heldBy reports whether f holds m, and was read beyond it.
func (s *scanner) heldBy(m mark, f *file) bool {
	h, done := s.peek(f)
	defer done()
	return h != nil && !f.busy && f.offset >= m.offset && m.holds(h, s.buf)
}

// finished reports whether all that f holds has been delivered.
func (f *file) finished() bool {
	return f.retired || !f.busy && !f.queued && f.resting && f.unread() == 0 && f.delivered()
}

// startBehind has f, a compressed file, read from m on, if m fits.
func (f *file) startBehind(m mark) {
	f.begin, f.offset, f.anchor, f.proof = m.offset, m.offset, m.anchor, m.anchor
}

// packedFrom returns the file that n, a compressed one, was made of, if it is
// still followed or remembered.
func (s *scanner) packedFrom(n *file) *file {
	for f := range s.files {
		if f != n && f.packed == unpacked && s.makes(f, n) {
			return f
		}
	}
	return nil
}

// makes reports whether n, a compressed file, begins as if it was made of f. While
// a reader has f, less may be known of f than there is.
func (s *scanner) makes(f, n *file) bool {
	if f.learn(); len(f.prefix) < len(n.prefix) && f.h != nil && !f.busy {
		s.extend(f)
	}
	known := min(len(f.prefix), len(n.prefix))
	return (f.busy || len(f.prefix) == len(n.prefix)) && alike(f.prefix, n.prefix) && (known >= strong || s.packs(n, f))
}

// madeOf reports whether a compressed file at path is by its name made of the file
// at that place, or of a generation of log.
func madeOf(path, place, log string) bool {
	name := unpackedName(path)
	return name == place || name == log || slices.Contains(logsOf(name), log)
}

// packs reports whether n, a compressed file, is by its name made of f.
func (s *scanner) packs(n, f *file) bool {
	return madeOf(n.where(), f.placed(), f.log)
}

// pastOf returns where reading stopped in a file that n, a compressed one, seems
// to be made of, and that was forgotten.
func (s *scanner) pastOf(n *file) (best mark, ok bool) {
	for _, e := range s.done {
		if e.print.n == 0 || e.print.n > len(n.prefix) || hash(n.prefix[:e.print.n]) != e.print.hash || e.offset <= best.offset {
			continue
		}
		if e.print.n >= strong || madeOf(n.where(), e.at, e.log) {
			best, ok = e.mark, true
		}
	}
	return best, ok
}

// packing reports whether f, of which there is nothing left, may be what a
// compressed file is made of that has no cursor yet. Until it has one, f's tells
// that its content is known.
func (s *scanner) packing(f *file) bool {
	for n := range s.packed {
		if src := n.shown.src.Load(); src != nil && src.Cursor() != "" || n.spoilt || n.resumed {
			delete(s.packed, n)
			continue
		}
		if n.held == f || s.packs(n, f) || len(n.prefix) >= strong && alike(n.prefix, f.prefix) {
			return true
		}
	}
	return false
}

// intoPacked has the stream of f, which was deleted while it was closed, go on in
// what it was compressed to. It reports whether there is such a file.
func (s *scanner) intoPacked(f *file, now time.Time) bool {
	c := s.packedCopy(f, now)
	if c == nil {
		return false
	}
	f.gone = false
	s.move(f, c, now)
	return true
}

// packedCopy looks for what f, whose content is gone, was compressed to: among
// the files that are followed and not begun, and in its folder.
func (s *scanner) packedCopy(f *file, now time.Time) *candidate {
	for n := range s.packed {
		if n.busy || n.begun || n.resumed || n.h == nil && !s.reopen(n, now) {
			continue
		}
		if ok, _ := n.h.unpacker().resumes(f.mark(), s.buf); !ok || f.print.n < strong && !s.packs(n, f) {
			continue
		}
		if st, err := n.h.stat(); err == nil {
			return &candidate{path: n.at, info: st, h: n.h, f: n, packed: n.packed}
		}
	}
	return s.packedOf(memo{cursor: f.cursor()}, now)
}

// weighed has n, which was held because of f, go on without it.
func (s *scanner) weighed(n, f *file) {
	if n.packed != unpacked && s.makes(f, n) {
		n.weighed = true
		n.startBehind(f.mark())
	}
	s.release(n)
}

// packedCursor reports whether m, whose file is gone, is the cursor of what f, a
// compressed file, is made of.
func (s *scanner) packedCursor(f *file, m memo) bool {
	h, done := s.peek(f)
	defer done()
	return h != nil && s.packedMemo(h, f.packed, f.where(), m)
}

func (s *scanner) packedMemo(h *handle, kind packing, path string, m memo) bool {
	if log := logName(m.path); m.print.n < strong && !madeOf(path, log, log) {
		return false
	}
	u := newUnpacker(h.file, kind, 0, s.MaxUnpacked)
	defer u.release()
	ok, _ := u.resumes(m.mark, s.buf)
	return ok
}

// packedOf looks in its folder for what the file of m was compressed to.
func (s *scanner) packedOf(m memo, now time.Time) *candidate {
	for _, path := range s.akin(m.where(), logName(m.path), now) {
		if c := s.openPacked(path, m); c != nil {
			return c
		}
	}
	return nil
}

// openPacked opens the compressed file at path, if it is what the file of m was
// compressed to, or is that file.
func (s *scanner) openPacked(path string, m memo) *candidate {
	kind := packedKind(path)
	if kind == unpacked {
		return nil
	}
	c := s.openUnknown(path)
	if c == nil {
		return nil
	}
	// One that was read to its end when it was compressed has the size it had.
	if (m.whole == 0 || m.whole == c.info.size) && s.packedMemo(c.h, kind, path, m) {
		c.packed = kind
		return c
	}
	c.h.Close()
	return nil
}

// unpackNext has the next compressed file read: one at a time, since unpacking
// takes memory.
func (s *scanner) unpackNext() {
	for s.unpacking == nil && len(s.toUnpack) > 0 {
		f := s.toUnpack[0]
		s.toUnpack = s.toUnpack[1:]
		f.lined = false
		if _, ok := s.files[f]; ok && !f.queued && !f.busy && f.held == nil && (f.after == nil || f.after.drained) {
			s.unpacking = f
			if s.enqueue(f); !f.queued {
				s.unpacking = nil // it was read already
			}
		}
	}
}

// unpackDone notes that f is not being unpacked any more.
func (s *scanner) unpackDone(f *file) {
	if f.packed == unpacked {
		return
	}
	if f.h != nil {
		f.h.rest()
	}
	if s.unpacking == f {
		s.unpacking = nil
	}
}
