// Package bench measures the whole way of a line, from a file to a Loki, against the least that way can cost. It has
// nothing but tests:
//
//	go test -run '^$' -bench FileToLoki -benchtime 20x ./internal/bench
//
// Every iteration of BenchmarkFileToLoki delivers one file of 64 MiB: 217-byte lines, half of them JSON, warm in the
// page cache. The server is another process, which decodes and counts what it is sent and answers 204; that all lines
// arrive is checked. So the figures are those of the client alone:
//
//	cpu-ns/line      user and system time of the process, runtime and garbage collector included
//	allocs/line      heap allocations
//	wire-bytes/line  bytes of request bodies, compressed
//	lines/s          wall clock; depends on what else the machine does, and on the server
//
// The sub-benchmark "bare" is the floor: a loop that reads chunks, appends the protobuf of each line, compresses with s2
// and posts a megabyte at a time, and does nothing that makes a log collector one: no rotation, no checkpoint, no retry,
// no second stream, no limit. What another sub-benchmark takes beyond it is the price of all that.
//
// BenchmarkSaturation, BenchmarkIdle and BenchmarkOutage hold the pipeline's own shaper against fixed settings at a server
// that pretends to be slow, and goes away. They are short, and say little, unless LOGFERRY_SOAK is set.
package bench
