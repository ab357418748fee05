package source

import (
	"context"
	"errors"
)

// A Source reads log lines from somewhere and sends them. Applications
// implement it; pipelines run it.
type Source interface {
	// Run reads until ctx is done or there is no more input, then returns nil.
	// Any other return before ctx is done, a panic included, is a failure: the
	// source is run again after a wait, and its streams resume from their
	// cursors. Run is never called twice at once.
	//
	// A Send that blocks is backpressure. Helpers are started with out.Go,
	// never with go; they are joined when Run returns.
	Run(ctx context.Context, out *Outlet) error
}

// Func is a function that is a Source.
type Func func(ctx context.Context, out *Outlet) error

// Run calls f.
func (f Func) Run(ctx context.Context, out *Outlet) error { return f(ctx, out) }

// ErrStreamLost is what Send returns once a batch of its stream has been lost:
// the source opens the stream again and goes on from its cursor. The error a
// Send returns wraps the cause too.
var ErrStreamLost = errors.New("source: stream lost: open it again and resume from its cursor")
