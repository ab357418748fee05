package lifecycle

import (
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

// label is the key of the profiler label that holds a task's path.
const label = "logferry"

// phase is what a task's goroutine is at, kept where its deferred functions find it if the goroutine ends early.
type phase int

const (
	running phase = iota // in Run
	waiting              // for its restart
	over                 // ended for good; only to be counted out
)

// task is one admitted Task. What is not guarded belongs to its goroutine.
type task struct {
	Task
	sup      *Supervisor
	path     string
	handle   *Handle
	ctx      context.Context
	phase    phase
	began    time.Time     // of the current run
	wait     time.Duration // before the next run
	restarts restarts

	// Guarded by sup.tree.mu.
	since time.Time
	place *list.Element // in sup.tasks
	again int           // restarts.used, for others to read
	last  error         // the failure before the latest restart
}

func newTask(s *Supervisor, path string, t Task) *task {
	return &task{Task: t, sup: s, path: path, handle: &Handle{done: make(chan struct{})}, phase: waiting,
		restarts: restarts{policy: t.Restart}}
}

// prepare makes the context. It comes after admit, so that a refused task costs none.
func (t *task) prepare() {
	ctx, cancel := context.WithCancelCause(t.sup.work)
	t.handle.cancel = cancel
	t.ctx = pprof.WithLabels(ctx, pprof.Labels(label, t.path))
}

// main is a task's goroutine. The two deferred functions are in this order for a reason: runtime.Goexit runs them and
// nothing else, and the hook that ended calls may itself Goexit, so that only the outermost one, which calls no foreign
// code, can be relied on to count the task out.
func (t *task) main() {
	defer t.leave()
	defer t.interrupted()
	// For the goroutine's whole life, so that a profile shows whose it is also while it is in OnEvent.
	pprof.SetGoroutineLabels(t.ctx)
	for t.phase != over {
		t.step()
	}
}

// step waits for the restart, if this is one, and runs Run once.
func (t *task) step() {
	if t.restarts.used > 0 && !Sleep(t.ctx, t.wait) {
		t.ended(Stopped, nil)
		return
	}
	t.phase = running
	t.began = time.Now()
	t.emit(Started, nil, 0)
	err, crashed := t.attempt()
	t.judge(err, crashed)
}

// attempt calls Run and turns a panic into an error. After a Goexit it does not return, and what its deferred function
// sets is not seen.
func (t *task) attempt() (err error, crashed bool) {
	returned := false
	defer func() {
		if !returned {
			err, crashed = &PanicError{Task: t.path, Value: recover(), Stack: debug.Stack()}, true
		}
	}()
	err = t.Run(t.ctx)
	returned = true
	return err, false
}

// interrupted takes note of a Goexit. At any other end the phase says that there was none.
func (t *task) interrupted() {
	if t.phase == running {
		t.judge(ErrGoexit, true)
	}
}

// judge decides what becomes of a task whose Run is over. It leaves the phase running in no case, and sets it before it
// calls the host.
func (t *task) judge(err error, crashed bool) {
	stopping := t.ctx.Err() != nil
	switch {
	case err == nil:
		t.ended(Finished, nil)
	case stopping && !crashed:
		t.ended(Stopped, err)
	case stopping:
		t.failed(err)
	default:
		t.retry(err)
	}
}

// retry arranges a restart, or gives up.
func (t *task) retry(err error) {
	now := time.Now()
	wait, ok := t.restarts.next(now.Sub(t.began), now)
	if !ok {
		if n := t.restarts.used; n > 0 {
			err = fmt.Errorf("gave up after %d restarts: %w", n, err)
		}
		t.failed(err)
		return
	}
	t.phase, t.wait = waiting, wait
	t.sup.tree.mu.Lock()
	t.again, t.last = t.restarts.used, err
	t.sup.tree.mu.Unlock()
	t.emit(Restarting, err, wait)
}

// failed makes a failure final.
func (t *task) failed(err error) {
	t.phase = over
	t.handle.err = err
	err = named(t.path, err)
	t.sup.record(err)
	if t.Essential {
		t.sup.cancel(err)
		t.sup.tell(err)
	}
	t.emit(Failed, err, 0)
}

// ended makes an end final that is no failure.
func (t *task) ended(k Kind, err error) {
	t.phase = over
	t.emit(k, err, 0)
}

// leave is the last thing a goroutine does. If it ends in mid-life, by a Goexit that is to be followed by a restart, a
// fresh goroutine takes the task over; the task stays counted in between.
func (t *task) leave() {
	if t.phase != over {
		spawn(t.main)
		return
	}
	t.handle.cancel(nil)
	t.sup.release(t)
}
