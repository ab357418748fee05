package container

import (
	"context"
	"errors"
)

// Ready asks whether there is an engine, and returns nil if one answers. Run needs
// no such question: it waits for an engine for as long as it takes. It is for
// programs that had rather end, or say so, than wait.
//
// The error says what kept the engine from answering. ctx bounds how long that
// may take; without a deadline, an engine that accepts connections and is silent
// takes 30 s. Ready has a connection of its own, which is gone when it returns,
// and all that served it. It may be called at any time, before, during and
// after Run, and concurrently.
func (s *Source) Ready(ctx context.Context) error {
	e, err := newDocker(s.plan.address)
	if err != nil {
		return err
	}
	_, err = e.ping(ctx)
	return errors.Join(err, e.close(context.Background()))
}
