package tail

import (
	"io/fs"
	"time"
)

// drain lets those go on that waited for f.
func (s *scanner) drain(f *file, now time.Time) {
	if f.drained {
		return
	}
	f.drained = true
	for n := range s.files {
		if n.after == f {
			n.after, n.before = nil, f
			s.enqueue(n)
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
	f.after, f.before = p, nil
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
