package lifecycle

import (
	"context"
	"sync/atomic"
	"time"
)

// A Task is one goroutine's worth of work, given to [Supervisor.Start].
type Task struct {
	// Name is the last part of the task's slash path; it need not be unique. Empty means "task".
	Name string

	// Run does the work. It is called in a goroutine of its own, at least once for every task that was admitted, even
	// if ctx is done by then, so it may own what its caller opened. It returns soon after ctx is done; until it does,
	// Close waits. The outcome is
	//   - finished, if it returns nil;
	//   - stopped, if it returns an error after ctx is done;
	//   - failed, if it returns an error before that, and always if it panics or calls runtime.Goexit.
	Run func(ctx context.Context) error

	// Restart says whether, and how soon, Run is called again after a failure. The zero Restart: never.
	Restart Restart

	// Essential makes a final failure, one that is not followed by a restart, cancel the Supervisor that owns the task
	// and all its children, with the failure as the cause. Close must still be called, and returns it.
	Essential bool
}

// A Handle is the starter's view of one task. Its methods may be called concurrently, before and after the task ends.
// A Handle that is kept holds on to no more than its fields: what Run refers to is free once the task has ended.
type Handle struct {
	done   chan struct{}
	err    error // written before done is closed, read after
	cancel context.CancelCauseFunc
	told   atomic.Pointer[time.Time]
}

// refused returns a handle that is done.
func refused(err error) *Handle {
	h := &Handle{done: make(chan struct{}), err: err, cancel: func(error) {}}
	close(h.done)
	return h
}

// Done is closed once the task has ended for good: its goroutine has nothing left to do and there will be no restart.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Err returns why the task failed for good. It is nil while the task runs or waits for its restart, and nil if it
// finished or was stopped; it is [ErrClosed] or [ErrTooManyTasks] if it was never admitted.
func (h *Handle) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// Stop cancels the context of this task only, and does not wait for it to end. A stopped task is not restarted.
func (h *Handle) Stop() {
	now := time.Now()
	h.told.CompareAndSwap(nil, &now)
	h.cancel(nil)
}

// Wait blocks until the task has ended and returns what [Handle.Err] does; if ctx ends first it returns ctx.Err().
// A task that has ended is reported as such even if ctx is done.
func (h *Handle) Wait(ctx context.Context) error {
	if !await(ctx, h.done) {
		return ctx.Err()
	}
	return h.err
}

// await reports whether done was closed before ctx ended; done wins a tie.
func await(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
