package lifecycle_test

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The model predicts, for a tree of supervisors and the calls made on it, when each task ends and how, and what each
// Close returns when. It knows nothing about goroutines: it is a simulation that goes from instant to instant. Times are
// durations since the beginning; all that happens does so at instants of its own.

const never = time.Duration(math.MaxInt64)

// how a run ends.
type how int

const (
	finishes how = iota
	errs
	panics
	goexits
)

// A script says what a task does.
type script struct {
	runs      []scriptedRun // the last one is repeated
	linger    time.Duration // how long an obedient run takes to return once it is told to
	deaf      bool          // it ignores ctx
	essential bool
	budget    int           // restarts
	wait      time.Duration // before each
}

type scriptedRun struct {
	lasts time.Duration
	how   how
}

func (s script) run(i int) scriptedRun { return s.runs[min(i, len(s.runs)-1)] }

// outcome is how a task ended.
type outcome struct {
	at     time.Duration
	failed bool
	runs   int
}

// modelTask is a task that was admitted.
type modelTask struct {
	name   string
	script script
	sup    *modelSup
	began  time.Duration
	told   time.Duration // never: it was not
	ended  bool
	outcome
}

// end predicts the outcome if the task is not told to stop at another time than told.
func (t *modelTask) end() outcome {
	at := t.began
	for i := 0; ; i++ {
		run := t.script.run(i)
		over := at + run.lasts
		if !t.script.deaf && t.told < over {
			return outcome{max(t.told, at) + t.script.linger, false, i + 1}
		}
		stopping := t.told <= over
		switch {
		case run.how == finishes:
			return outcome{over, false, i + 1}
		case stopping:
			return outcome{over, run.how != errs, i + 1}
		case i == t.script.budget:
			return outcome{over, true, i + 1}
		}
		at = over + t.script.wait
		if t.told < at {
			return outcome{t.told, false, i + 1}
		}
	}
}

// modelSup is a supervisor.
type modelSup struct {
	name     string
	parent   *modelSup
	children []*modelSup
	tasks    []*modelTask
	closing  bool
	broken   bool        // an essential task of it, or of a parent, has failed
	detached bool        // its Close is through
	order    []*modelSup // whom its Close joins; fixed by the first call
}

// postorder returns the supervisors below s in the order in which they are joined.
func (s *modelSup) postorder() (all []*modelSup) {
	for _, c := range slices.Backward(s.children) {
		if !c.detached {
			all = append(all, c.postorder()...)
		}
	}
	return append(all, s)
}

func (s *modelSup) live() (n int) {
	for _, c := range s.children {
		n += c.live()
	}
	for _, t := range s.tasks {
		if !t.ended {
			n++
		}
	}
	return n
}

func (s *modelSup) tell(now time.Duration) {
	for _, c := range s.children {
		c.tell(now)
	}
	for _, t := range s.tasks {
		t.told = min(t.told, now)
	}
}

func (s *modelSup) breakDown(now time.Duration) {
	for _, c := range s.postorder() {
		c.broken = true
	}
	s.tell(now)
}

// modelClose is one call of Close.
type modelClose struct {
	sup      *modelSup
	order    []*modelSup // not yet joined
	all      []*modelSup
	deadline time.Duration
	over     bool

	at    time.Duration
	stuck []string // names of live tasks; nil: all have ended
}

// model is a tree at an instant.
type model struct {
	now    time.Duration
	max    int
	root   *modelSup
	tasks  []*modelTask
	closes []*modelClose
}

// advance lets everything happen that does so up to and at until.
func (m *model) advance(until time.Duration) {
	for {
		var task *modelTask
		var out outcome
		next := until
		for _, t := range m.tasks {
			if end := t.end(); !t.ended && end.at <= next {
				next, task, out = end.at, t, end
			}
		}
		var late *modelClose
		for _, c := range m.closes {
			if !c.over && c.deadline <= next {
				next, late, task = c.deadline, c, nil
			}
		}
		m.now = next
		switch {
		case late != nil:
			late.over, late.at = true, next
			for _, t := range m.tasks {
				if !t.ended && slices.Contains(late.all, t.sup) {
					late.stuck = append(late.stuck, t.name)
				}
			}
			late.sup.tell(next)
		case task != nil:
			task.ended, task.outcome = true, out
			if out.failed && task.script.essential {
				task.sup.breakDown(next)
			}
		default:
			return
		}
		m.join()
	}
}

// join lets every Close get as far as it can at this instant. One that gets through may be waited for by others.
func (m *model) join() {
	for _, c := range m.closes {
		for !c.over {
			c.order[0].tell(m.now) // What is below has been joined already.
			if slices.ContainsFunc(c.order[0].tasks, func(t *modelTask) bool { return !t.ended }) {
				break
			}
			if c.order = c.order[1:]; len(c.order) == 0 {
				c.over, c.at = true, m.now
				c.sup.detached = true
			}
		}
	}
}

func (m *model) start(s *modelSup, name string, sc script) *modelTask {
	if s.closing || s.broken || m.max > 0 && m.root.live() >= m.max {
		return nil
	}
	t := &modelTask{name: name, script: sc, sup: s, began: m.now, told: never}
	s.tasks = append(s.tasks, t)
	m.tasks = append(m.tasks, t)
	return t
}

func (m *model) child(s *modelSup, name string) *modelSup {
	c := &modelSup{name: name, parent: s, closing: s.closing, broken: s.broken, detached: s.closing}
	if !s.closing {
		s.children = append(s.children, c)
	}
	return c
}

func (m *model) close(s *modelSup, deadline time.Duration) *modelClose {
	if s.order == nil {
		s.order = s.postorder()
	}
	for _, c := range s.order {
		c.closing = true
	}
	call := &modelClose{sup: s, order: s.order, all: s.order, deadline: deadline}
	m.closes = append(m.closes, call)
	m.join()
	return call
}

// failures returns the names of the tasks whose failures the call reports.
func (c *modelClose) failures() (names []string) {
	for _, s := range c.all {
		for _, t := range s.tasks {
			if t.failed {
				names = append(names, t.name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (o outcome) String() string { return fmt.Sprintf("%v failed=%v runs=%d", o.at, o.failed, o.runs) }

// live names the live tasks.
func (m *model) live() (names []string) {
	for _, t := range m.tasks {
		if !t.ended {
			names = append(names, t.name)
		}
	}
	return names
}
