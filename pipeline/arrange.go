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
