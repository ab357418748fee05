package tail

import (
	"io"
	"log/slog"
	"os"
	"time"
)

// open makes sure that f is open and known to be what it was, as far as its
// first bytes tell. It reports false if f is not to be read now.
func (s *scanner) open(f *file, now time.Time) bool {
	if f.h == nil && !s.reopen(f, now) {
		return false
	}
	s.use(f)
	if f.packed != unpacked {
		return s.admitPacked(f, now)
	}
	if int64(len(f.prefix)) < min(printMax, f.size) && !s.extend(f) {
		s.dequeue(f)
		s.verify(f, now)
		return false
	}
	if s.overtaken(f, now) {
		return false
	}
	f.herald = s.unheralded(f, now)
	if !f.begun && !f.herald && !(s.ripe(f, now) && s.ordered(f, now)) {
		return false
	}
	return f.h != nil || s.reopen(f, now) // others may have been opened to compare
}

// unheralded reports whether f is empty, has been for a moment, so that it is
// no copy being made, and has no cursor. It gets one: if it is written and
// rotated away while nobody looks, it is known that it was to be read. What
// cannot be read is not known to be empty.
func (s *scanner) unheralded(f *file, now time.Time) bool {
	return f.packed == unpacked && len(f.prefix) == 0 && f.trouble == "" && !f.begun && !f.known && !f.resumed &&
		!s.Once && f.moved.IsZero() && now.Sub(f.changed) >= s.Poll
}

// ripe reports whether a file that has never been read is to be read now.
func (s *scanner) ripe(f *file, now time.Time) bool {
	if len(f.prefix) == 0 {
		if _, err := f.h.ReadAt(s.buf[:1], 0); err != nil && err != io.EOF {
			s.dequeue(f)
			s.broken(f, err, now)
			return false
		}
		s.relieve(f)
		s.extend(f) // it may have grown since it was looked at
		if s.overtaken(f, now) {
			return false
		}
	}
	if len(f.prefix) == 0 {
		// There is nothing to read, and nothing to tell it from a copy that
		// is about to be made.
		f.resting = true
		if f.resumed {
			f.show(Idle)
		}
		if !f.moved.IsZero() {
			f.show(Rotated)
			s.drain(f, now)
		}
		return false
	}
	if f.weighed || f.resumed {
		return true
	}
	if of := s.unsettled(f); of != nil {
		if !of.busy {
			s.verify(of, now) // as a rule f is moved to, and is no file of its own
		}
		return false
	}
	f.weighed = true
	if f.initial && now.Sub(time.Unix(0, f.mtime)) >= s.RotateWait {
		return true // it lay there before, and is no copy being made
	}
	if of := s.original(f); of != nil {
		s.hold(f, of, now)
		f.show(Waiting)
		s.agenda.hasten(of, now)
		return false
	}
	return true
}

// reopen opens a file that was closed to save handles.
func (s *scanner) reopen(f *file, now time.Time) bool {
	if f.at == "" {
		found, _ := s.seek(f, now)
		return found
	}
	h, err := s.openPath(f.at)
	if exhausted(err) {
		f.resting = false // it is tried again when it is polled
		return false
	}
	if err != nil {
		s.broken(f, err, now)
		return false
	}
	st, err := h.stat()
	if err != nil || st.id != f.id {
		h.Close()
		s.agenda.hasten(f, now) // it has left: poll finds out
		return false
	}
	s.takeHandle(f, h)
	return true
}

// borrow opens f, which is closed, for a moment: whatever becomes of the handle
// is the caller's business. It returns nil if f is not where it was.
func (s *scanner) borrow(f *file) *handle {
	if f.at == "" {
		return nil
	}
	h, err := s.openPath(f.at)
	if err != nil {
		return nil
	}
	if st, err := h.stat(); err != nil || st.id != f.id {
		h.Close()
		return nil
	}
	return h
}

// holds reports whether m fits f, which need not be open.
func (s *scanner) holds(f *file, m mark) bool {
	if len(f.prefix) < m.print.n || hash(f.prefix[:m.print.n]) != m.print.hash {
		return false
	}
	h, done := s.peek(f)
	defer done()
	return h != nil && m.holds(h, s.buf)
}

// peek returns a handle of f to look at its content, nil if there is none, and
// what to call afterwards.
func (s *scanner) peek(f *file) (h *handle, done func()) {
	if f.h != nil {
		return f.h, func() {}
	}
	h = s.borrow(f)
	return h, func() { closeHandle(h) }
}

// seek looks for a closed file that is not where it was, among the files in
// the same folder. sure is false if it may be found later.
func (s *scanner) seek(f *file, now time.Time) (found, sure bool) {
	path, sure := s.trace(f, now)
	if path == "" {
		return false, sure
	}
	h, err := s.openPath(path)
	if err != nil {
		return false, false
	}
	if st, err := h.stat(); err != nil || st.id != f.id || !s.same(f, h) {
		h.Close()
		return false, sure
	}
	f.setPlace(path)
	s.takeHandle(f, h)
	return true, true
}

// takeHandle gives f its handle, and closes others if too many are open.
func (s *scanner) takeHandle(f *file, h *handle) {
	h.unpack(f.packed, s.plan)
	f.h = h
	f.lru = s.opened.PushFront(f)
	s.trim(f, s.MaxOpen)
}

// trim closes files until no more than most are open: first those that were
// read to their end, then those that wait. It leaves keep open.
func (s *scanner) trim(keep *file, most int) {
	for _, waiting := range []bool{false, true} {
		for e := s.opened.Back(); e != nil && s.handles() > most; {
			g := e.Value.(*file)
			e = e.Prev()
			switch {
			case g.busy:
			case !g.spare():
				s.unlist(g)
				g.lru = s.kept.PushFront(g) // thousands may be rotated at once
			case g != keep && g != s.unpacking && (waiting || g.resting && g.held == nil):
				s.shut(g)
			}
		}
	}
}

// handles is how many files are open.
func (s *scanner) handles() int { return s.opened.Len() + s.kept.Len() }

// use notes that f, which is open, is used, and may be spare afterwards.
func (s *scanner) use(f *file) {
	if s.opened.MoveToFront(f.lru); s.opened.Front() != f.lru {
		s.unlist(f)
		f.lru = s.opened.PushFront(f)
	}
}

// unlist takes f, which is open, from the list it is in.
func (s *scanner) unlist(f *file) {
	s.opened.Remove(f.lru)
	s.kept.Remove(f.lru)
}

// spare reports whether f can be closed: nobody reads it, and it is where it can
// be opened again. One that has moved may be deleted any time, but for that no
// line of it may be left.
func (f *file) spare() bool {
	if f.busy || f.at == "" {
		return false
	}
	return f.moved.IsZero() || f.retired || len(f.names) > 0 && f.unread() == 0
}

// openPath opens the file at path. If no descriptors are left, it gives back
// half of those that can be spared, and tries again.
func (s *scanner) openPath(path string) (*handle, error) {
	f, err := openPath(path)
	if exhausted(err) {
		s.trim(nil, s.handles()/2)
		f, err = openPath(path)
	}
	if s.scarce(err); err != nil {
		return nil, err
	}
	return &handle{file: f, content: s.contentOf(f)}, nil
}

// readDir is openPath for what a folder holds, in no order.
func (s *scanner) readDir(dir string) ([]os.DirEntry, error) {
	entries, err := readDir(dir)
	if exhausted(err) {
		s.trim(nil, s.handles()/2)
		entries, err = readDir(dir)
	}
	s.scarce(err)
	return entries, err
}

// readDir is os.ReadDir without its sorting, which takes longer than reading.
func readDir(dir string) ([]os.DirEntry, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

// scarce notes whether there are descriptors, by what became of an attempt to
// get one. It is the only word about it: each file is tried again.
func (s *scanner) scarce(err error) {
	was := s.starved
	s.starved = exhausted(err)
	s.denied = s.denied || s.starved
	switch {
	case s.starved && !was:
		s.log.Warn("no file descriptors left, trying again", slog.Int("open", s.handles()), slog.Any("error", plain(err)))
	case was && !s.starved:
		s.log.Info("there are file descriptors again")
	}
}

// shut closes f, if it is open. Not while a reader has it.
func (s *scanner) shut(f *file) {
	if f.h == nil {
		return
	}
	closeHandle(f.h)
	s.unlist(f)
	f.h, f.lru = nil, nil
}

// yield gives up f's handle without closing it.
func (s *scanner) yield(f *file) *handle {
	h := f.h
	if h != nil {
		s.unlist(f)
		f.h, f.lru = nil, nil
	}
	return h
}

// lost logs that what a file held can be read no more.
func (s *scanner) lost(f *file, why string) {
	if n := f.unread(); n > 0 {
		s.log.Error(why, slog.String("path", f.path), slog.Int64("bytes", n))
	}
}
