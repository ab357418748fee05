package tail

import (
	"io/fs"
	"iter"
	"slices"
	"time"
)

// drain lets those go on that waited for f.
func (s *scanner) drain(f *file, now time.Time) {
	if f.drained {
		return
	}
	f.drained = true
	for n := range s.waiters(f) {
		n.after, n.before = nil, f
		s.enqueue(n)
	}
	f.behind = nil
}

// await has n wait until f, if it is not nil, is read to its end. If f waits for n
// already, n does not: two files that took each other's place would never be read.
func (n *file) await(f *file) {
	if f.comesAfter(n) {
		return
	}
	if n.after = f; f != nil && !slices.Contains(f.behind, n) {
		f.behind = append(f.behind, n)
	}
}

// comesAfter reports whether f is n, or waits for it in the end.
func (f *file) comesAfter(n *file) bool {
	for ; f != nil; f = f.after {
		if f == n {
			return true
		}
	}
	return false
}

// waiters are the files that are read after f.
func (s *scanner) waiters(f *file) iter.Seq[*file] {
	return s.those(f.behind, func(n *file) bool { return n.after == f })
}

// hold keeps n from being read as long as it may be a copy of f.
func (s *scanner) hold(n, f *file, now time.Time) {
	n.held, n.heldAt = f, now
	if !slices.Contains(f.copies, n) {
		f.copies = append(f.copies, n)
	}
}

// suspects are the files that may be copies of f.
func (s *scanner) suspects(f *file) iter.Seq[*file] {
	return s.those(f.copies, func(n *file) bool { return n.held == f })
}

// those are the files of some that are still followed, and for which is holds.
func (s *scanner) those(some []*file, is func(*file) bool) iter.Seq[*file] {
	return func(yield func(*file) bool) {
		for _, n := range some {
			if _, ok := s.files[n]; ok && is(n) && !yield(n) {
				return
			}
		}
	}
}

// ordered reports whether f may be read for the first time as far as the file
// before it goes. That one was read to its end, but its writer may have added
// to it until it opened f: it is read once more if so, and f waits.
func (s *scanner) ordered(f *file, now time.Time) bool {
	p := f.before
	if p == nil {
		return true
	}
	if _, ok := s.files[p]; !ok || p.gone || p.held != nil || p.moved.IsZero() {
		f.before = nil
		return true
	}
	if !p.busy && !p.queued {
		size, ok := s.sizeOf(p)
		if !ok || size <= p.end() || f.awaited {
			f.before = nil
			return true
		}
		p.setSize(size)
		p.changed = now
	}
	f.awaited = true // but once: its writer may never stop
	p.drained = false
	f.before = nil
	f.await(p)
	s.enqueue(p)
	s.dequeue(f)
	f.show(Waiting)
	return false
}

// sizeOf is how long f is now; ok is false if that cannot be told.
func (s *scanner) sizeOf(f *file) (size int64, ok bool) {
	var st fileInfo
	err := fs.ErrNotExist
	if f.h != nil {
		st, err = f.h.stat()
	} else if f.at != "" {
		st, err = statPath(f.at)
	}
	return st.size, err == nil && st.id == f.id
}
