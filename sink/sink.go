package sink

import (
	"context"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// A Sink is a destination of batches. Who writes one implements this interface and, where it applies, [Starter],
// [PerStreamer], [StreamNamer] and [Healther].
type Sink interface {
	// Write returns when the fate of b's entries is known; nil means that the destination took responsibility for every
	// one of them.
	//
	// It must not change b, nor keep b, an Entry.Line or an Entry.Attrs after it returned: their memory is used again.
	// It honours ctx, may be called concurrently, with an empty batch too, and makes one attempt: its error says what a
	// further one could do (see [Permanent], [RetryAfter], [Throttled], [TooLarge] and [PartialError]). It is not called
	// after Close.
	Write(ctx context.Context, b *batch.Batch) error

	// Close gives back what the Sink holds. It is called once, after the last Write has returned, and comes back when
	// ctx ends, with an error if not everything is given back.
	Close(ctx context.Context) error
}

// Func is a Sink made of its Write alone; its Close does nothing and returns nil. The contract of [Sink.Write] is the
// function's.
type Func func(ctx context.Context, b *batch.Batch) error

// Write calls f.
func (f Func) Write(ctx context.Context, b *batch.Batch) error { return f(ctx, b) }

// Close returns nil.
func (f Func) Close(context.Context) error { return nil }

// A Starter is a Sink, or a Processor of a pipeline, that needs tasks of its own. A pipeline calls Start once, before the
// first Write, and after those of the Sinks within ([Starters]); the tasks are started below sup, which the pipeline
// closes after Close of the Sink. ctx bounds Start alone. After an error neither Write nor Close of it is called.
type Starter interface {
	Start(ctx context.Context, sup *lifecycle.Supervisor) error
}

// A PerStreamer is a Sink that may want the entries of one stream in a batch of their own, at most one of which is
// under way at any time, so that one Write is one request whose answer concerns one stream. A pipeline asks once, and
// grants it to the Sink of each route; as a dead letter, or where routes share it, it may be given other batches too.
type PerStreamer interface {
	PerStream() bool
}

// A StreamNamer is a [PerStreamer] to which entries with different labels may be of one stream. StreamOf returns labels
// that stand for the stream of an entry with the labels l: a pipeline puts the entries for which they are equal into one
// batch, at most one of which is under way. It is called for each batch that arrives at a route, concurrently, and returns
// at once.
type StreamNamer interface {
	StreamOf(l batch.Labels) batch.Labels
}

// A Healther is a Sink that knows more about its destination than the outcome of its Writes. Health returns nil if it
// is well; it neither blocks nor does it ask the destination, and may be called at any time, concurrently.
type Healther interface {
	Health() error
}
