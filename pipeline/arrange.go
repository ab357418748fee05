package pipeline

import (
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

// arrange decides what is worth a Write by the limits as they are now. While
// somebody waits (a Send for room, a Flush, the drain) nothing lingers.
func (r *route) arrange(l batch.Limits, now time.Time) {
	for _, s := range r.touched {
		s.touched = false
		r.place(s, l)
	}
	clear(r.touched)
	r.touched = r.touched[:0]
	// What is parked stays parked, whoever hurries: the sink asked for it.
	for r.parked.len() > 0 && !r.parked.head().due.After(now) {
		j := r.parked.head()
		r.parked.remove(j)
		r.queueOf(j).PushBack(j)
	}
	if !r.grouping.perStream {
		return // see due
	}
	r.rejudge(l)
	for r.lingering.len() > 0 && r.lingered(l, now) {
		r.makeReady(r.lingering.head())
	}
}

// place puts a shard where it belongs: ready, or lingering.
func (r *route) place(s *shard, l batch.Limits) {
	if s.job != nil || s.ready != nil || len(s.parts) == 0 {
		return
	}
	if r.grouping.perStream && s.full(l) {
		r.makeReady(s)
		return
	}
	r.linger(s)
}

func (r *route) makeReady(s *shard) {
	r.unlinger(s)
	s.ready = r.ready.PushBack(s)
}

// linger puts s among those that wait for company, or where it belongs there now.
func (r *route) linger(s *shard) {
	s.turn = s.parts[0].seq
	if s.at < 0 {
		r.free.add(s.bytes, s.entries)
	}
	r.lingering.put(s)
}

// unlinger takes s out of there.
func (r *route) unlinger(s *shard) {
	if s.at >= 0 {
		r.free.add(-s.bytes, -s.entries)
		r.lingering.remove(s)
	}
}

// lingered reports whether what waits longest has waited long enough.
func (r *route) lingered(l batch.Limits, now time.Time) bool {
	return r.engine.hurried() || now.Sub(r.lingering.head().parts[0].at) >= l.MaxWait
}

// rejudge finds the shards that are full since the limit has shrunk. Looking at
// all that linger costs, so that is done when it has halved; sooner, they are
// cut by their age.
func (r *route) rejudge(l batch.Limits) {
	if l.MaxBytes > r.judged/2 {
		r.judged = max(r.judged, l.MaxBytes)
		return
	}
	r.judged = l.MaxBytes
	var full []*shard
	for _, s := range r.lingering.all() {
		if s.full(l) {
			full = append(full, s)
		}
	}
	for _, s := range full {
		r.makeReady(s)
	}
}

// due reports whether there is a batch worth a first Write. Where a batch may be
// of several streams, all that lingers counts together.
func (r *route) due(l batch.Limits, now time.Time) bool {
	if r.grouping.perStream {
		return r.ready.Len() > 0
	}
	if r.lingering.len() == 0 {
		return false
	}
	full := r.free.bytes >= l.MaxBytes || r.free.entries >= l.MaxEntries
	return full || r.lingered(l, now) || r.lingering.head().parts[0].dead != nil
}

// sleep is how long the owner may sleep if nothing happens.
func (r *route) sleep() time.Duration {
	l, sleep := r.limits, time.Hour
	if r.engine.isHard() {
		return sleep // nothing begins any more
	}
	if r.parked.len() > 0 {
		sleep = min(sleep, time.Until(r.parked.head().due))
	}
	switch {
	case l.Pause > 0:
		// Also where no Write may begin before one ends: the shaper has itself asked
		// again, should none end.
		sleep = min(sleep, time.Until(r.asked.Add(l.Pause)))
	case r.crowded(l): // the end of a Write wakes it
	case r.lingering.len() > 0 && !r.laden():
		sleep = min(sleep, l.MaxWait-time.Since(r.lingering.head().parts[0].at))
	}
	return max(0, sleep)
}
