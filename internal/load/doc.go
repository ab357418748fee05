// Package load drives a pipeline with lines of its own, flat out or so many a second, and tells how fast they are
// delivered and how long each was on its way. Benchmarks compare shapers with it, against a server that pretends to be
// slow (internal/bench) and against a real Loki (internal/lokitest).
package load
