package lifecycle

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"
)

// Config configures a tree of supervisors. The zero Config works: no name, no bound, no events.
type Config struct {
	// Name is the first part of the slash path of every task; empty: none.
	Name string

	// MaxTasks bounds the live tasks of the Supervisor and all its children together; Start beyond it is refused with
	// ErrTooManyTasks. Zero: no bound.
	MaxTasks int

	// OnEvent is told what happens to the tasks of the Supervisor and all its children; nil: nobody is. It is called
	// from the task's goroutine, in order for one task and concurrently for different ones, with no lock held: it may
	// call any method but must not wait for the task, nor Close without a bound. It is never called after Close
	// returned anything but a StuckError. If it panics, that is one more failure for Close to return.
	OnEvent func(Event)

	// Values, if not nil, is where the contexts of the Supervisor, its children and their tasks take their values from.
	// Its end does not concern them.
	Values context.Context
}

// tree is what the supervisors that descend from one New share.
type tree struct {
	maxTasks int
	onEvent  func(Event)

	// mu guards the shape of the tree and what its supervisors and tasks say it guards. One lock for all, because a
	// task's end, a Close and a Start concern several levels at once. It is never held while waiting or calling out.
	mu   sync.Mutex
	live int
}

// A Supervisor owns tasks and child Supervisors. Its methods may be called concurrently and at any time, also from its
// own tasks. It holds no goroutine of its own: one that never started a task costs nothing but memory.
type Supervisor struct {
	tree *tree
	path string

	// Two contexts, because the host learns that Close has begun at once, whereas tasks are told to stop in order.
	ctx    context.Context // returned by Context
	cancel context.CancelCauseFunc
	work   context.Context // every task's parent
	halt   context.CancelCauseFunc

	idle chan struct{} // closed when closing is set and own is 0

	// Guarded by tree.mu.
	parent   *Supervisor
	place    *list.Element // in parent.children
	bound    bool          // made by ChildContext
	children list.List     // of *Supervisor, oldest first
	tasks    list.List     // of *task, oldest first; its length is the number of live tasks
	closing  bool          // nothing is admitted any more
	told     time.Time     // when work was cancelled
	order    []*Supervisor // the subtree as Close joins it; fixed when Close begins
	failures failures
	closed   bool // Close is through
	result   error
}

// New returns a Supervisor without a parent. It starts nothing, but whoever called New calls Close.
func New(cfg Config) *Supervisor {
	t := &tree{maxTasks: cfg.MaxTasks, onEvent: cfg.OnEvent}
	base := context.Background()
	if cfg.Values != nil {
		base = context.WithoutCancel(cfg.Values)
	}
	return newSupervisor(t, base, base, cfg.Name)
}

func newSupervisor(t *tree, ctx, work context.Context, path string) *Supervisor {
	s := &Supervisor{tree: t, path: path, idle: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.work, s.halt = context.WithCancelCause(work)
	return s
}

// Child returns a new Supervisor below s. It is closed before s is, newest child first, and may be closed earlier on its
// own; s forgets it then, failures included, so that children may come and go for ever. After Close of s has begun the
// child is closed from the start.
func (s *Supervisor) Child(name string) *Supervisor {
	return s.adopt(newSupervisor(s.tree, s.ctx, s.work, join(s.path, name)))
}

// ChildContext is Child for the helpers of one task of s: ctx is that task's context, or one derived from it by package
// context. The child's Context and its tasks' are done when ctx is, and the task closes the child before it returns.
// When s is closed the helpers are therefore stopped with their task, not before it.
func (s *Supervisor) ChildContext(ctx context.Context, name string) *Supervisor {
	c := newSupervisor(s.tree, ctx, ctx, join(s.path, name))
	c.bound = true
	return s.adopt(c)
}

// adopt makes c the newest child of s, or closes it.
func (s *Supervisor) adopt(c *Supervisor) *Supervisor {
	s.tree.mu.Lock()
	shut := s.closing
	if shut {
		c.closing = true
		close(c.idle)
	} else {
		c.parent = s
		c.place = s.children.PushBack(c)
	}
	s.tree.mu.Unlock()
	if shut {
		c.cancel(ErrClosed)
		c.halt(ErrClosed)
	}
	return c
}

// Start runs t in a goroutine of its own and returns at once; it never returns nil. Once Close of s or of a parent has
// begun, or an essential task of theirs has failed, t.Run is not called and the Handle is done with ErrClosed; beyond
// Config.MaxTasks likewise with ErrTooManyTasks.
func (s *Supervisor) Start(t Task) *Handle {
	name := t.Name
	if name == "" {
		name = "task"
	}
	r := newTask(s, join(s.path, name), t)
	if err := s.admit(r); err != nil {
		return refused(err)
	}
	r.prepare()
	spawn(r.main)
	return r.handle
}

// Go is Start for a task that is neither restarted nor essential.
func (s *Supervisor) Go(name string, run func(context.Context) error) *Handle {
	return s.Start(Task{Name: name, Run: run})
}

// Context is done as soon as Close of s or a parent begins, with the cause ErrClosed, or when an essential task of s or a
// parent has failed for good, with that failure as the cause. A task's own context may be done a little later than that,
// because Close stops the tasks in order.
func (s *Supervisor) Context() context.Context { return s.ctx }

// admit counts the task in, or says why not.
func (s *Supervisor) admit(t *task) error {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.closing || s.work.Err() != nil {
		return ErrClosed
	}
	if s.tree.maxTasks > 0 && s.tree.live >= s.tree.maxTasks {
		return ErrTooManyTasks
	}
	t.since = time.Now()
	t.place = s.tasks.PushBack(t)
	s.tree.live++
	return nil
}

// release counts the task out. All of it happens under the lock, so that nobody who has seen one part of it, the end of
// Close included, can find another part missing.
func (s *Supervisor) release(t *task) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	s.tasks.Remove(t.place)
	s.tree.live--
	close(t.handle.done)
	if s.closing && s.tasks.Len() == 0 {
		close(s.idle)
	}
}

// record keeps a final failure for Close.
func (s *Supervisor) record(err error) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	s.failures.add(failure{time.Now(), err})
}

// tell cancels the tasks of s and its children.
func (s *Supervisor) tell(cause error) {
	s.tree.mu.Lock()
	if s.told.IsZero() {
		s.told = time.Now()
	}
	s.tree.mu.Unlock()
	s.halt(cause)
}

// join makes a slash path, leaving out what is empty.
func join(path, name string) string {
	return strings.Trim(path+"/"+name, "/")
}
