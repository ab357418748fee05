package lifecycle

import (
	"runtime/debug"
	"time"
)

// Kind says what happened to a task.
type Kind int

const (
	Started    Kind = iota + 1 // Run is about to be called, for the first time or again
	Restarting                 // Run failed with Err and will be called again after Wait
	Finished                   // Run returned nil
	Stopped                    // told to stop, and ended; Err is what Run returned, if anything
	Failed                     // failed for good with Err, which Close will return
)

// String returns the kind in lower case, such as "restarting".
func (k Kind) String() string {
	switch k {
	case Started:
		return "started"
	case Restarting:
		return "restarting"
	case Finished:
		return "finished"
	case Stopped:
		return "stopped"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// An Event is one step in a task's life, as told to [Config].OnEvent.
type Event struct {
	Kind     Kind
	Task     string        // the task's slash path
	Time     time.Time     // when it happened
	Err      error         // Restarting, Failed, and sometimes Stopped; a panic is a *[PanicError]
	Wait     time.Duration // Restarting only
	Restarts int           // how many there were, the one that Restarting announces included
}

// emit tells the host. It must be called without the lock, from the task's own goroutine. A panic in the host's hook is
// kept as a failure, so that Close returns it: it can neither take the host down nor go unnoticed.
func (t *task) emit(k Kind, err error, wait time.Duration) {
	hook := t.sup.tree.onEvent
	if hook == nil {
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			t.sup.record(&PanicError{Task: t.path + " (OnEvent)", Value: v, Stack: debug.Stack()})
		}
	}()
	hook(Event{Kind: k, Task: t.path, Time: time.Now(), Err: err, Wait: wait, Restarts: t.restarts.used})
	returned = true
}
