package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Running describes one live task: one that was admitted and has not ended, whether it runs or waits for its restart.
type Running struct {
	Name     string        // slash path
	Age      time.Duration // since Start
	Stopping time.Duration // since it was told to stop; 0: it was not
	Restarts int           // how many there were, the one it may be waiting for included
	Err      error         // the failure before the latest of them
}

// String returns the name and the ages, such as "pipeline/sources/shop (told to stop 4.7s ago, age 1h0m0s)".
func (r Running) String() string {
	if r.Stopping > 0 {
		return fmt.Sprintf("%s (told to stop %v ago, age %v)", r.Name, round(r.Stopping), round(r.Age))
	}
	return fmt.Sprintf("%s (age %v)", r.Name, round(r.Age))
}

// round keeps a duration readable in a message.
func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// Running returns the live tasks of s and its children, oldest first, then by name. It may be called at any time, by anyone; the
// caller owns the result. It costs a walk over the live tasks under the lock that Start takes.
func (s *Supervisor) Running() []Running {
	now := time.Now()
	s.tree.mu.Lock()
	n := 0
	s.each(func(*task) { n++ })
	list := make([]Running, 0, n)
	s.each(func(t *task) { list = append(list, t.running(now)) })
	s.tree.mu.Unlock()
	slices.SortFunc(list, func(a, b Running) int {
		return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Count returns how many live tasks of s and its children have the slash path name or one below it: Count("app/sources")
// counts "app/sources" and "app/sources/shop" but not "app/sources2". Count("") counts them all. Names start with the
// name of the Supervisor that New returned. Every live task is one goroutine.
func (s *Supervisor) Count(name string) int {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	n := 0
	s.each(func(t *task) {
		if below(t.path, name) {
			n++
		}
	})
	return n
}

// below reports whether path is root or lies below it.
func below(path, root string) bool {
	if root == "" {
		return true
	}
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
}

// each calls f for every live task of the subtree. The caller holds the lock.
func (s *Supervisor) each(f func(*task)) {
	for e := s.tasks.Front(); e != nil; e = e.Next() {
		f(e.Value.(*task))
	}
	for e := s.children.Front(); e != nil; e = e.Next() {
		e.Value.(*Supervisor).each(f)
	}
}

// running describes t. The caller holds the lock.
func (t *task) running(now time.Time) Running {
	r := Running{Name: t.path, Age: now.Sub(t.since), Restarts: t.again, Err: t.last}
	told := t.sup.toldAt()
	if own := t.handle.told.Load(); own != nil && (told.IsZero() || own.Before(told)) {
		told = *own
	}
	if !told.IsZero() {
		// At least a nanosecond: zero is kept for those that were not told.
		r.Stopping = max(now.Sub(told), 1)
	}
	return r
}

// toldAt returns when the tasks of s were told to stop, by s or by a parent; zero: they were not. The caller holds the
// lock.
func (s *Supervisor) toldAt() time.Time {
	var at time.Time
	for p := s; p != nil; p = p.parent {
		if !p.told.IsZero() && (at.IsZero() || p.told.Before(at)) {
			at = p.told
		}
	}
	return at
}
