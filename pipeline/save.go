package pipeline

import (
	"context"
	"sync"
	"time"
)

// saveStatus is what the last save came to.
type saveStatus struct {
	mu  sync.Mutex
	err error
}

// set notes err and returns what was there before.
func (s *saveStatus) set(err error) (before error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.err = s.err, err
	return before
}

func (s *saveStatus) get() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// saveCursors is the task that saves the cursors that moved. Close saves the
// last ones.
func (e *Engine) saveCursors(ctx context.Context) error {
	tick := time.NewTicker(e.cfg.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := e.save(ctx); err == nil || ctx.Err() == nil {
				e.saved(err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// save calls the Checkpoints, whose panics are theirs.
func (e *Engine) save(ctx context.Context) error {
	return guard("Checkpoints", func() error { return e.saver.Save(ctx) })
}

// saved reports a failure, and the recovery, once each.
func (e *Engine) saved(err error) {
	before := e.saving.set(err)
	switch {
	case err != nil:
		if f := e.cfg.Hooks.CheckpointFailed; f != nil {
			e.hook(func() { f(err) })
		}
		if before == nil {
			e.log.logger.Error("saving cursors failed; delivery goes on, and it is tried again", "error", err)
		}
	case before != nil:
		e.log.logger.Info("cursors are being saved again")
	}
}

// reportRecovery tells if the checkpoints were found damaged.
func (e *Engine) reportRecovery() {
	r, ok := e.cfg.Checkpoints.(interface{ Recovered() error })
	if !ok {
		return
	}
	if err := guard("Checkpoints", r.Recovered); err != nil {
		e.log.logger.Warn("checkpoints were damaged", "error", err)
	}
}
