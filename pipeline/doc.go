// Package pipeline carries entries from sources to sinks, and acknowledgements
// back to the sources' cursors.
//
//	p, err := pipeline.New(pipeline.Config{
//		Sources: map[string]source.Source{"shop": files},
//		Routes:  []pipeline.Route{{Sink: loki}},
//	})
//	...
//	err = p.Run(ctx)
//
// # The way of a batch
//
//	source goroutine                  route owner         route worker
//	Send -> budget -> processors -+-> inbox -> shards --> merge, Write -+
//	                              +-> inbox -> shards --> merge, Write -+
//	                                                                    |
//	cursor <- stream ledger <- the last reference settles <-------------+
//
// A source batch starts with one reference. Processors change it in place;
// then every reference it will need is taken, one for each route and shard, and
// it is read-only. A shard is the part of a route that must stay in order: one
// stream, which is one set of labels of source batches, or of entries if the sink
// wants one stream per batch ([sink.PerStreamer]), unless it says otherwise
// ([sink.StreamNamer]). A shard has entries in one batch at most. A batch is of one
// shard if the sink wants that; else it takes what has come first of all shards
// that are free.
//
// # When a Write begins
//
// Before each Write to the sink the route asks its [batch.Shaper], which is that of
// [batch.NewAdaptive] if it was given none, and what lingers is cut by the limits as
// they are then: at MaxBytes, at MaxEntries, or when it has waited MaxWait. While
// the shaper wants a pause no Write begins, whoever is in a hurry; only the hard
// stop of Close does not wait for its end. A Write that is given a Timeout fails at
// its end. [RouteStats] has what the shaper said last.
//
// What a Write leaves to be repeated waits in its shards, where it occupies no
// goroutine and holds up no other shard; the outermost [sink.Retry] says how long,
// and without one the zero sink.RetryConfig does, for ever. Of a batch of several
// streams only those wait of which something is left. It is written again in
// pieces no larger than the shaper allows by then, and at once in smaller ones if
// it was too large for the destination ([sink.TooLarge]); pieces of streams of which
// nothing failed do not wait for one in which single entries did, but all wait for a
// destination that is not there, or asks everybody for less. When a Write goes well
// after three or more in a row that found nobody, all that was parked meanwhile is
// due at once, but for what the destination told to wait. While batches are due
// that have not been written before, repeated Writes take no more than half of
// those there may be, rounded up, and no two turns in a row.
//
// # What an entry can come to
//
// It is delivered, once every route that is not best effort has delivered it;
// or dead-lettered, if a sink refused it for good, or a processor failed on its
// batch (see [Concealer]), and a dead letter took it; or dropped, for a reason that
// is counted, whether it is the pipeline's own or one that a processor gave to
// [batch.Batch.Drop]; or given back, when Close could not wait: then its cursor has
// not moved, and it is read again. Until then it is in flight. [Stats] counts all
// of these for each source and each route, and the sums close in every snapshot. If
// routes disagree about an entry, dropped counts before dead-lettered, and
// dead-lettered before delivered.
//
// Delivery is at least once. Entries are delivered twice if their Write did
// not say what became of them, or if they were delivered and their cursor was
// not saved before the process died.
//
// # Backpressure
//
// What has been read and has not settled is bounded by one budget of bytes,
// [Config].MaxInFlightBytes, which counts the memory batches hold. Send waits
// for it. While any Send waits, and in Flush and Close, no route holds a batch
// back to wait for company. Nothing else grows with the time a sink is down.
//
// # Goroutines
//
// All are tasks of one lifecycle.Supervisor, named below "pipeline": each
// source ("sources/NAME") and what it starts, for each route an owner and
// MaxInFlight writers ("routes/NAME"), what sinks and processors start ("sinks",
// "processors"), and one each that saves cursors, writes the log and watches for
// the end. Their number does not depend on how much is in flight.
package pipeline
