// Package lifecycle starts goroutines and makes sure that they end. It is the only package of its module that has a go
// statement, and it imports nothing but the standard library.
//
// A [Supervisor] owns tasks and child Supervisors:
//
//	app := lifecycle.New(lifecycle.Config{Name: "app"})
//	sources := app.Child("sources")
//	sources.Start(lifecycle.Task{
//		Name:    "shop",
//		Run:     shop.Read,                                              // func(context.Context) error
//		Restart: lifecycle.Restart{Min: time.Second, Max: time.Minute}, // after a failure
//	})
//	...
//	err := app.Close(ctx)
//
// # Tasks
//
// A task is one goroutine, whatever happens to it. Its Run is told to stop by its context and returns. It has finished
// if it returned nil, was stopped if it returned an error after being told to, and has failed otherwise. A panic and a
// runtime.Goexit are failures like any other: the host survives them, Restart applies to them, Close reports them.
// [Sleep] is how a task waits for a while.
//
// Each task has a slash path, such as app/sources/shop. It is set as the profiler label "logferry", which child
// goroutines inherit, so that the host's own profiles tell whose a goroutine is. [Supervisor.Running] lists what is
// alive, [Supervisor.Count] counts it per path, and [Config].OnEvent is told of every start and end.
//
// # Close
//
// Close returns nil only if every goroutine the Supervisor and its children ever started has ended, and none of their
// tasks has failed for good. The steps:
//
//  1. The door is shut, for the whole tree at once: Start returns a Handle that is done with [ErrClosed], and Context
//     is done.
//  2. The children are closed, the newest first, each in these same steps.
//  3. The Supervisor's own tasks are told to stop, together with the children that ChildContext has tied to them, and
//     are waited for.
//  4. The failures of the whole tree are returned, joined, each with its task's path.
//
// So what was made later, and may lean on what was made earlier, is gone before that is touched. When the ctx given to
// Close ends first, everything that is left is told to stop at once and Close returns a [*StuckError] with the name and
// age of every task that is still alive and a goroutine profile that shows where each is. Nothing is abandoned: the tasks
// stay counted, and a later Close waits for them again.
//
//	err := app.Close(ctx)
//	if stuck, ok := errors.AsType[*lifecycle.StuckError](err); ok {
//		log.Printf("%v\n%s", stuck, stuck.Profile)
//	}
//
// Close waits in its caller's goroutine, holds no lock meanwhile, and needs no goroutine to wait with. "Ended" means that
// the outermost deferred function of the goroutine has run its last statement; what the runtime still does to clear it
// away takes microseconds.
//
// # Memory
//
// An ended task leaves nothing behind, nor does a closed child. Of failures a Supervisor keeps the first 32 and counts
// the others. A program may therefore start tasks and make children for as long as it runs.
package lifecycle
