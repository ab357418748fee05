package shaping

import (
	"time"

	"github.com/logferry/logferry/batch"
)

// A Sample is what a route was told at an instant, and what went with it.
type Sample struct {
	At       time.Duration
	Limits   batch.Limits
	InFlight int
	Queued   int // bytes
}

// Simulate runs a contender in a regime, at one of [Levels] of a capacity in
// bytes a second. watch, if not nil, is called each time the route asks the
// shaper.
func Simulate(r *Regime, level int, capacity float64, c Contender, watch func(Sample)) Result {
	t := r.trace(level, capacity*levels[level].Load)
	return r.simulate(level, &t, c, watch)
}

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
