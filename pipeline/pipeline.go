package pipeline

import (
	"context"

	"github.com/logferry/logferry/batch"
)

// A Pipeline carries entries from sources to sinks. [Engine] is the one this
// package makes; the interface is there for applications that wrap it. All
// methods may be called concurrently.
type Pipeline interface {
	// Start begins reading. ctx bounds the start only. It may be called once.
	Start(ctx context.Context) error
	// Done is closed when every source has ended by itself and all it read has
	// settled, or when Close is through.
	Done() <-chan struct{}
	// Flush returns nil once every batch whose Send was called before it has
	// settled well. ctx bounds the wait.
	Flush(ctx context.Context) error
	// Close stops reading, delivers what was read, closes the sinks, saves the
	// cursors and joins every goroutine. See [Engine.Close].
	Close(ctx context.Context) error
	// Stats is a snapshot of the ledger.
	Stats() Stats
}

var _ Pipeline = (*Engine)(nil)

// A Processor changes batches on their way from a source to the routes. One that
// needs tasks of its own is a sink.Starter too: Start is called once, before the
// sources are started, and the tasks end with the pipeline, after the sources.
type Processor interface {
	// Process changes b in place: it drops entries with b.Drop, adds them
	// with b.Append and a time, which nobody gives them later, and changes
	// their times, labels and attributes. A line is
	// replaced, by bytes from b.Buffer, and so is the slice of attributes, with
	// b.SetAttrs: neither is overwritten in place. It keeps nothing of b. It is called
	// concurrently for different batches, in the order of the configuration for
	// each; ctx is that of the source's Send.
	//
	// What b.Drop removes is counted by its reason in [SourceStats] and told to
	// [Hooks]; entries that are gone without one, after b.Filter for instance,
	// are counted as [DroppedFiltered].
	//
	// After an error or a panic the batch, as it was read, goes to the first
	// route with a dead letter that is not best effort, by way of every [Concealer], or
	// else is counted as dropped; it is not the source's failure and is not read again. The same
	// goes for runtime.Goexit, but that it ends the source's goroutine, which is
	// run again.
	Process(ctx context.Context, b *batch.Batch) error
}

// ProcessorFunc is a function that is a Processor.
type ProcessorFunc func(ctx context.Context, b *batch.Batch) error

// Process calls f.
func (f ProcessorFunc) Process(ctx context.Context, b *batch.Batch) error { return f(ctx, b) }
