// Package batch holds the vocabulary every other package speaks: entries,
// label sets, batches of entries, and the shapers that decide how large a
// batch grows before it is sent. It depends on the standard library alone.
//
// # Who owns a batch
//
// A [Batch] is exclusive to one goroutine until the first [Batch.Retain] and
// read-only for everybody afterwards. Every reference ends in exactly one
// [Batch.Settle], which votes an outcome; the last one calls the function
// given to [Batch.OnSettled], once, and gives the memory back to the [Pool].
// So a batch is recycled exactly when it can be acknowledged: the lifetime of
// its memory and the fate of its entries are one and the same count.
//
//	source reads        NewBatch      1 reference, exclusive
//	processors filter   in place      still exclusive; Drop counts why entries went
//	routes share it     Retain(n)     read-only from here on
//	a route merges it   Merge         the merged batch holds one reference
//	the sink is done    Settle(err)   the merged batch settles its parts
//	the last one        OnSettled     the source may move its cursor
//
// # How long a line is valid
//
// Entry.Line and the Attrs slice are valid until their batch is settled.
// Whoever needs them longer copies them with [Entry.Clone]. A Pool with Poison
// set overwrites released memory with 0xDB, so that a test catches the code
// that kept a line.
//
// # How large batches are
//
// A [Shaper] says when a route cuts a batch and how many are under way: [Fixed]
// always the same, and [NewAdaptive] what it finds out to be right for the
// destination. A route gives it the time and what it sees with each call, so that
// a Shaper has neither clocks nor goroutines and can be simulated.
//
// # Who makes batches
//
// Sources get theirs from a stream and only fill them; sinks only read them.
// Code that stands alone, a test of a sink for instance, makes them with
// [New].
package batch
