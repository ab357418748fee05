package pipeline

import (
	"context"
	"errors"

	"github.com/logferry/logferry/lifecycle"
)

// A step is a part of Close that may block whatever its ctx says, and so runs
// as a task: who is stuck in it is named.
type step struct {
	task *lifecycle.Handle
	err  error // read after the task is done
}

// step starts a part of Close, unless an earlier Close has.
func (e *Engine) step(key int, name string, f func() error) {
	if e.closing.steps[key] != nil {
		return
	}
	s := &step{}
	e.closing.steps[key] = s
	s.task = e.sup.Go(name, func(context.Context) error {
		s.err = guard(name, f)
		return nil
	})
}

// await waits for a step, nil if there is none. One that has not ended in time
// is told to stop: nothing more than its ctx can make it, but it counts as
// stuck from then on.
func (s *step) await(ctx context.Context) {
	if s == nil {
		return
	}
	select {
	case <-s.task.Done():
	case <-ctx.Done():
		s.task.Stop()
	}
}

func (s *step) ended() bool {
	select {
	case <-s.task.Done():
		return true
	default:
		return false
	}
}

// result is nil for a step that has not ended, or is none.
func (s *step) result() error {
	if s == nil || !s.ended() {
		return nil
	}
	return errors.Join(s.err, s.task.Err())
}
