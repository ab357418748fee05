package pipeline

import (
	"container/heap"
	"time"

	"github.com/logferry/logferry/batch"
)

// touch makes arrange look at s: it has new parts, or is free again.
func (r *route) touch(s *shard) {
	if !s.touched {
		s.touched = true
		r.touched = append(r.touched, s)
	}
}

// arrange decides which shards are ready. While somebody waits (a Send for
// room, a Flush, the drain) nothing lingers.
func (r *route) arrange(l batch.Limits, now time.Time) {
	hurry := r.engine.hurried() || l.MaxWait < 0
	for _, s := range r.touched {
		s.touched = false
		r.place(s, l, now, hurry)
	}
	clear(r.touched)
	r.touched = r.touched[:0]
	// What is parked stays parked, whoever hurries: the sink asked for it.
	for len(r.parked) > 0 && !r.parked[0].due.After(now) {
		r.makeReady(r.parked[0])
	}
	for len(r.lingering) > 0 && (hurry || !r.lingering[0].due.After(now)) {
		r.makeReady(r.lingering[0])
	}
}

// place puts a shard where it belongs: ready, or lingering.
func (r *route) place(s *shard, l batch.Limits, now time.Time, hurry bool) {
	if s.job != nil || s.ready != nil || len(s.parts) == 0 {
		return
	}
	s.due = s.parts[0].at.Add(l.MaxWait)
	if hurry || s.full(l) || !s.due.After(now) {
		r.makeReady(s)
		return
	}
	if s.place < 0 {
		heap.Push(&r.lingering, s)
	} else {
		heap.Fix(&r.lingering, s.place)
	}
}

func (r *route) makeReady(s *shard) {
	r.unwait(s)
	s.ready = r.ready.PushBack(s)
}

// unwait takes s out of the heap it is in.
func (r *route) unwait(s *shard) {
	if s.job != nil {
		r.parked.remove(s)
	} else {
		r.lingering.remove(s)
	}
}

// next is how long the owner may sleep.
func (r *route) next() time.Duration {
	sleep := time.Hour
	for _, h := range []shardHeap{r.lingering, r.parked} {
		if len(h) > 0 {
			sleep = min(sleep, time.Until(h[0].due))
		}
	}
	return max(0, sleep)
}

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
