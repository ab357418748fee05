package pipeline

import "time"

// arrivals remembers in which order parts came to a route, over all shards.
// Entries whose part has left are dropped lazily.
type arrivals struct {
	seq   uint64
	queue []arrival
	kept  int // how many were left by the last compaction
}

type arrival struct {
	s   *shard
	seq uint64
}

func (a arrival) gone() bool { return len(a.s.parts) == 0 || a.s.parts[0].seq > a.seq }

// note gives p its number.
func (a *arrivals) note(p *part, s *shard) {
	a.seq++
	p.seq = a.seq
	// One stream that is parked for long would keep the places of all that has
	// passed it since.
	if len(a.queue) > 64 && len(a.queue) > 2*a.kept {
		a.compact()
	}
	a.queue = append(a.queue, arrival{s, a.seq})
}

func (a *arrivals) compact() {
	rest := a.queue[:0]
	for _, x := range a.queue {
		if !x.gone() {
			rest = append(rest, x)
		}
	}
	clear(a.queue[len(rest):])
	a.queue, a.kept = rest, len(rest)
}

// front is the shard whose first part came first of all; nil: there is none.
func (a *arrivals) front() *shard {
	for len(a.queue) > 0 {
		if !a.queue[0].gone() {
			return a.queue[0].s
		}
		a.queue[0] = arrival{}
		a.queue = a.queue[1:]
	}
	return nil
}

// oldest is when the part that waits longest arrived; zero: none waits.
func (r *route) oldest() time.Time {
	s := r.arrivals.front()
	if s == nil {
		return time.Time{}
	}
	return s.parts[0].at
}
