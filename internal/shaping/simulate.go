package shaping

import (
	"time"

	"github.com/logferry/logferry/batch"
)

// A Sample is what the end of a Write found.
type Sample struct {
	At       time.Duration
	Class    batch.Class
	Bytes    int           // of the Write
	Latency  time.Duration // of its first entry, since that arrived
	InFlight int           // Writes when it began, itself included
	Limits   batch.Limits  // when the shaper was last asked
	Queued   int           // bytes
}

// simulate runs a contender on what arrives at a level. watch, if not nil, is called
// at the end of each Write.
func (r *Regime) simulate(level int, t *trace, c Contender, watch func(Sample)) Result {
	run := r.route(level, t, c)
	run.watch = watch
	until := WarmUp + Measured
	if level != overload {
		until += Tail
	}
	run.run(until)
	return run.result()
}

// route is one that has yet to run.
func (r *Regime) route(level int, t *trace, c Contender) *route {
	stream := uint64(100 + level)
	return &route{
		cfg: c, shaper: c.New(), service: newService(r.Destination, r.rng(stream)), rng: r.rng(stream + 100),
		entry: int64(r.Arrivals.EntryBytes), trace: t, admitted: make([]time.Duration, len(t.at)+1),
	}
}
