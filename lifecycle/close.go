package lifecycle

import (
	"bytes"
	"container/list"
	"context"
	"runtime/pprof"
	"slices"
)

// Close ends every task of s and its children and waits until all their goroutines have ended. It then returns nil if no
// task failed for good, else those failures joined, each with its task's path: the first 32 in the order they happened,
// and the number of the others.
//
// From the moment Close begins nothing is admitted any more and Context is done. Children are stopped and joined before
// their parent's own tasks are told to stop, the newest child first; those made by ChildContext are stopped with their
// task instead. If ctx ends before all have ended, whatever was not
// told to stop yet is told so now, and Close returns a *StuckError at once; it may be called again to go on waiting. A
// ctx that is done from the start thus stops everything at once, without waiting.
//
// Close is idempotent, legal before any Start, and may be called concurrently: all calls share one result. A task that
// calls Close of its own Supervisor waits for itself; it must pass its own ctx, or one with a deadline, and gets a
// StuckError that names it.
func (s *Supervisor) Close(ctx context.Context) error {
	order := s.begin()
	s.cancel(ErrClosed)
	for _, c := range order {
		c.tell(ErrClosed)
		if !await(ctx, c.idle) {
			return s.stuck(ctx)
		}
	}
	return s.finish()
}

// begin shuts the door of the whole subtree and returns its supervisors in the order in which they are joined.
func (s *Supervisor) begin() []*Supervisor {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.order == nil && !s.closed {
		s.order = s.shut(nil)
	}
	return s.order
}

// shut appends the subtree to order: children, newest first, then s, then the children that are bound to a task of s and
// so end with it. The caller holds the lock.
func (s *Supervisor) shut(order []*Supervisor) []*Supervisor {
	if !s.closing {
		s.closing = true
		if s.tasks.Len() == 0 {
			close(s.idle)
		}
	}
	order = s.shutChildren(order, false)
	order = append(order, s)
	return s.shutChildren(order, true)
}

func (s *Supervisor) shutChildren(order []*Supervisor, bound bool) []*Supervisor {
	for e := s.children.Back(); e != nil; e = e.Prev() {
		if c := e.Value.(*Supervisor); c.bound == bound {
			order = c.shut(order)
		}
	}
	return order
}

// stuck tells everybody to stop who was not told, and reports who was running when ctx ended.
func (s *Supervisor) stuck(ctx context.Context) error {
	live := s.Running()
	s.tell(ErrClosed)
	if len(live) == 0 {
		return s.finish()
	}
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1) // a Buffer does not fail
	return &StuckError{Running: live, Profile: profile.Bytes(), Cause: context.Cause(ctx)}
}

// finish settles the result, once all have ended, and lets go of the subtree.
func (s *Supervisor) finish() error {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.closed {
		return s.result
	}
	var all []failure
	var sum failures
	for _, c := range s.order {
		all = append(all, c.failures.first...)
		sum.more += c.failures.more
	}
	slices.SortStableFunc(all, func(a, b failure) int { return a.at.Compare(b.at) })
	for _, f := range all {
		sum.add(f)
	}
	s.result = sum.join()
	s.closed, s.order = true, nil
	s.forget()
	return s.result
}

// forget detaches s from its parent and its children. The caller holds the lock.
func (s *Supervisor) forget() {
	for e := s.children.Front(); e != nil; e = e.Next() {
		c := e.Value.(*Supervisor)
		c.parent, c.place = nil, nil
	}
	s.children = list.List{}
	if s.parent != nil {
		s.parent.children.Remove(s.place)
		s.parent, s.place = nil, nil
	}
}
