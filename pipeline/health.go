package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// Health is how the pipeline is, from live facts.
type Health struct {
	// Problems says in words what is wrong, sorted; empty: nothing is.
	Problems []string
	// Oldest is how long the oldest entry that was read and has not settled
	// has been under way. What is too long is for the host to say.
	Oldest time.Duration
	// Stuck are the tasks that were told to stop more than 5 s ago.
	Stuck []lifecycle.Running
}

// OK reports whether there is no problem.
func (h Health) OK() bool { return len(h.Problems) == 0 }

// stuckAfter is when a task that was told to stop is a problem.
const stuckAfter = 5 * time.Second

// Health looks at the sources, the sinks, the checkpoints and the tasks. It
// waits for nothing and asks no destination, so it suits a health endpoint.
func (e *Engine) Health() Health {
	h := Health{Oldest: e.flights.age()}
	for name, f := range e.feedsByName() {
		if !e.isRemoved(f) {
			h.feed(name, f)
		}
	}
	for _, r := range e.routes {
		h.route(r)
	}
	if err := e.saving.get(); err != nil {
		h.add("checkpoints: %v", err)
	}
	for _, t := range e.sup.Running() {
		if t.Stopping > stuckAfter {
			h.Stuck = append(h.Stuck, t)
			h.add("stuck: %v", t)
		}
	}
	slices.Sort(h.Problems)
	return h
}

func (h *Health) add(format string, args ...any) {
	h.Problems = append(h.Problems, fmt.Sprintf(format, args...))
}

// feed looks at one source: it is a problem if it has failed for good, or waits
// to be run again.
func (h *Health) feed(name string, f *feed) {
	if st := f.status.get(); st.down {
		h.add("source %s: %v", name, st.err)
	}
}

// sink asks every Healther among s and what it wraps.
func (h *Health) sink(name string, s sink.Sink) {
	for s := range sink.All[sink.Healther](s) {
		if err := guard("Health", s.Health); err != nil {
			h.add("%s: %v", name, err)
		}
	}
}

func (h *Health) route(r *route) {
	if state := r.breaker(); state != sink.Closed {
		h.add("route %s: breaker is %v", r.cfg.Name, state)
	}
	h.sink("route "+r.cfg.Name, r.cfg.Sink)
	if r.dead != nil {
		h.sink("dead letter of route "+r.cfg.Name, r.dead)
	}
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	if r.status.failing {
		h.add("route %s: %v", r.cfg.Name, r.status.err)
	}
}
