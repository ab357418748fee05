// Package sourcetest checks a [source.Source] against its contract, and runs
// sources in tests without a pipeline.
//
// [Run] is the check: given a way to make input and sources that read it, it
// tries whether the source delivers every line once and in order, loses nothing
// when batches are lost or the program starts anew, blocks and stops when it
// must, and leaves no goroutine behind.
//
// [Start] and [Receiver] are the parts it is made of, for tests of one's own: a
// source is run as a pipeline would run it, and what it sends arrives at a
// Receiver, which keeps, loses or delivers it as the test says.
package sourcetest
