package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A feed is one source. It stays when the source is removed: its ledger goes on
// counting what is in flight, and a source added by that name later must not
// overtake that.
type feed struct {
	in      *intake
	outlet  *source.Outlet
	task    *lifecycle.Handle // of the source that was added last
	removed bool
	status  feedStatus
}

// Add starts one more source. Its name is one that no other source has at
// present. ErrClosed once the pipeline is being closed.
func (e *Engine) Add(name string, s source.Source) error {
	if err := checkSource(name, s); err != nil {
		return err
	}
	e.mu.Lock()
	started := e.reading != nil
	e.mu.Unlock()
	if !started {
		return errors.New("pipeline: Add: not started")
	}
	return e.add(name, s, e.newFeed(name))
}

// add runs s. Fresh is its feed, unless there has been one by that name.
func (e *Engine) add(name string, s source.Source, fresh *feed) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == stopping {
		return ErrClosed
	}
	f := e.sources[name]
	switch {
	case f == nil:
		f = fresh
		e.sources[name] = f
	case !f.removed:
		return fmt.Errorf("pipeline: Add: there is a source %q", name)
	}
	f.removed = false
	e.budget.join(f.in.share)
	f.task = e.reading.Start(lifecycle.Task{
		Name:    name,
		Run:     func(ctx context.Context) error { return f.outlet.Run(ctx, s) },
		Restart: e.cfg.Restart,
	})
	e.noteChange()
	return nil
}

func (e *Engine) newFeed(name string) *feed {
	in := &intake{engine: e, name: name, share: new(share)}
	return &feed{in: in, outlet: source.NewOutlet(source.OutletConfig{
		Name: name, Receiver: in, Saver: e.saver, Supervisor: e.reading,
		Clock: &e.clock, Logger: e.log.logger.With("source", name),
	})}
}

// Remove stops one source and waits until it and its helpers have ended; ctx
// bounds the wait, and Remove may be called again to go on waiting. What it had
// sent is delivered. Its cursors and its account stay, and it may be added
// again.
func (e *Engine) Remove(ctx context.Context, name string) error {
	e.mu.Lock()
	f := e.sources[name]
	if f == nil || f.removed {
		e.mu.Unlock()
		return fmt.Errorf("pipeline: Remove: there is no source %q", name)
	}
	task := f.task
	e.mu.Unlock()
	e.budget.lift(f.in.share)
	task.Stop()
	select {
	case <-task.Done():
	case <-ctx.Done():
		return fmt.Errorf("pipeline: Remove: source %q is still running: %w", name, context.Cause(ctx))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.task == task && !f.removed {
		f.removed = true
		e.budget.leave(f.in.share)
		e.noteChange()
	}
	return nil
}

// noteChange wakes who watches the sources. The caller holds the lock.
func (e *Engine) noteChange() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// feedsByName returns every source there ever was.
func (e *Engine) feedsByName() map[string]*feed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.sources)
}

func (e *Engine) isRemoved(f *feed) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return f.removed
}

// alive tells which sources' tasks have not ended.
func (e *Engine) alive() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	alive := map[string]bool{}
	for name, f := range e.sources {
		select {
		case <-f.task.Done():
		default:
			alive[name] = true
		}
	}
	return alive
}

// tasks returns the tasks of all sources that have not been removed, and what
// is closed when that changes.
func (e *Engine) tasks() (tasks []*lifecycle.Handle, changed chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.sources {
		if !f.removed {
			tasks = append(tasks, f.task)
		}
	}
	return tasks, e.changed
}

// watch closes done once there have been sources and all have ended.
func (e *Engine) watch(ctx context.Context) error {
	for {
		tasks, changed := e.tasks()
		if !allDone(ctx, tasks, changed) {
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		if !e.settle(ctx) {
			return nil // Close is at work
		}
		select {
		case <-changed:
			continue
		default:
		}
		e.ended.Do(func() { close(e.done) })
		return nil
	}
}

// settle waits until nothing is in flight. It returns false if ctx ended first.
func (e *Engine) settle(ctx context.Context) bool {
	done := e.hasten()
	defer done()
	_, err := e.flights.wait(ctx)
	return err == nil
}

// allDone waits until all tasks have ended. It returns false if something
// changed, or ctx ended, before that.
func allDone(ctx context.Context, tasks []*lifecycle.Handle, changed chan struct{}) bool {
	if len(tasks) == 0 {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		return false
	}
	for _, t := range tasks {
		select {
		case <-t.Done():
		case <-changed:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
