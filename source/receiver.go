package source

import (
	"context"

	"github.com/logferry/logferry/batch"
)

// A Receiver is what stands behind an [Outlet]: a pipeline, or a test. Sources
// never see it. Its methods are called concurrently.
type Receiver interface {
	// NewBatch returns an empty batch with one reference.
	NewBatch(l batch.Labels) *batch.Batch
	// Receive takes b over, whatever it returns, and sees to it that settled
	// is called exactly once with b's outcome, possibly before Receive
	// returns. It may block, until ctx is done: that is backpressure. An error
	// means that b's outcome is an error too.
	Receive(ctx context.Context, b *batch.Batch, settled func(error)) error
	// Hasten says that somebody waits for what is in flight: until the
	// returned function is called, nothing is held back to wait for company.
	Hasten() (done func())
}
