package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrClosed is the Err of a Handle whose Start came after Close had begun, or after an essential task had failed.
	// It is also the cause of the contexts that Close cancels.
	ErrClosed = errors.New("lifecycle: supervisor is closed")

	// ErrTooManyTasks is the Err of a Handle whose Start would have exceeded Config.MaxTasks.
	ErrTooManyTasks = errors.New("lifecycle: too many tasks")

	// ErrGoexit is the failure of a task whose Run ended its goroutine with runtime.Goexit, as testing's FailNow does.
	ErrGoexit = errors.New("lifecycle: task called runtime.Goexit")
)

// A PanicError is the failure of a task whose Run panicked. The panic itself never leaves the task. What Go cannot
// recover from, such as a stack overflow or concurrent map writes, still ends the process.
type PanicError struct {
	Task  string // the task's slash path
	Value any    // what panic was called with
	Stack []byte // of the panicking goroutine, as runtime/debug.Stack prints it
}

// Error names the task and the value, and leaves the stack out.
func (e *PanicError) Error() string {
	return fmt.Sprintf("lifecycle: %s: panic: %v", e.Task, e.Value)
}

// Unwrap returns Value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A StuckError is what Close returns if its ctx ends while tasks are still running. They go on running, and Close may be
// called again to go on waiting for them.
type StuckError struct {
	// Running lists the tasks that had not ended, oldest first. Those whose Stopping is zero had not been told to stop
	// before ctx ended, because they wait behind a task that would not; they are told when Close returns.
	Running []Running

	// Profile is the goroutine profile of the process at that moment, as text, with the labels that tell which
	// goroutine belongs to which task: look for {"logferry":"<Name>"}.
	Profile []byte

	// Cause is context.Cause of the ctx that ended.
	Cause error
}

// maxNamed bounds how many tasks an error message names.
const maxNamed = 64

// Error names the tasks that are stuck with their ages, those that were told to stop first; beyond 64 it counts them.
func (e *StuckError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lifecycle: close: %d still running:", len(e.Running))
	named := 0
	for _, told := range []bool{true, false} {
		for _, r := range e.Running {
			if told == (r.Stopping > 0) && named < maxNamed {
				named++
				fmt.Fprintf(&b, " %s,", r)
			}
		}
	}
	if more := len(e.Running) - named; more > 0 {
		fmt.Fprintf(&b, " and %d more,", more)
	}
	return strings.TrimSuffix(b.String(), ",") + ": " + fmt.Sprint(e.Cause)
}

// Unwrap returns Cause.
func (e *StuckError) Unwrap() error { return e.Cause }

// named adds the task's path to its error, unless the error has it.
func named(path string, err error) error {
	if p, ok := err.(*PanicError); ok && p.Task == path {
		return err
	}
	return fmt.Errorf("lifecycle: %s: %w", path, err)
}

// maxFailures bounds what a supervisor remembers of the failures of its tasks.
const maxFailures = 32

// failures are the first few of a supervisor's final failures, and the number of the others, so that a task that is
// started anew every second and fails every time costs a bounded amount of memory.
type failures struct {
	first []failure
	more  int
}

type failure struct {
	at  time.Time
	err error
}

func (f *failures) add(x failure) {
	if len(f.first) == maxFailures {
		f.more++
		return
	}
	f.first = append(f.first, x)
}

// join returns nil if there were none.
func (f *failures) join() error {
	var errs []error
	for _, x := range f.first {
		errs = append(errs, x.err)
	}
	if f.more > 0 {
		errs = append(errs, fmt.Errorf("lifecycle: %d more failures", f.more))
	}
	return errors.Join(errs...)
}
