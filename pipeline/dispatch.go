package pipeline

import (
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

// dispatch begins Writes, as many as may run at once. Before each the shaper is
// asked anew.
func (r *route) dispatch() {
	for {
		now := time.Now()
		l := r.ask(now)
		r.arrange(l, now)
		j := r.next(l, now)
		if j == nil {
			r.status.planned(l, r.parked.len()+r.again.Len())
			return
		}
		r.begin(j, l)
	}
}

// ask asks the shaper, and makes sense of what a foreign one answers.
func (r *route) ask(now time.Time) batch.Limits {
	st := batch.State{Now: now, InFlight: r.writing - r.posting, Backlog: r.pending, Begun: r.begun}
	if at := r.oldest(); !at.IsZero() {
		st.Oldest = now.Sub(at)
	}
	l := batch.Fixed(batch.Limits{}).Limits(st)
	r.shape(func() { l = r.cfg.Shaper.Limits(st) })
	if l.MaxBytes <= 0 {
		l.MaxBytes = math.MaxInt
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = math.MaxInt
	}
	if l.InFlight <= 0 || l.InFlight > r.cfg.MaxInFlight {
		l.InFlight = r.cfg.MaxInFlight
	}
	r.resumed = r.resumed || r.limits.Pause > 0 && l.Pause <= 0
	r.limits, r.asked = l, now
	return l
}

// shape calls the shaper. If it panics the route makes do without.
func (r *route) shape(call func()) {
	err := guard("Shaper", func() error { call(); return nil })
	if err != nil && !r.misshaped {
		r.misshaped = true
		r.engine.log.logger.Error("a shaper panicked", "route", r.cfg.Name, "error", err)
	}
}

// crowded reports whether no Write to the sink may begin before one ends.
func (r *route) crowded(l batch.Limits) bool {
	return r.writing == r.cfg.MaxInFlight || r.writing-r.posting >= l.InFlight
}

// laden reports whether a route that may drop has as much under way, or waiting
// to be repeated, as may wait before that: a sink that answers late, or never,
// holds no more than its share of the budget, however many Writes there may be.
func (r *route) laden() bool {
	return r.cfg.Overflow != Block && r.carried > 0 && r.carried >= r.cfg.BufferBytes
}

// next is what to write now, nil: nothing. The dead letter is another sink: what
// goes there needs a worker, and is none of the shaper's business.
func (r *route) next(l batch.Limits, now time.Time) *job {
	if r.writing < r.cfg.MaxInFlight && r.letters.Len() > 0 {
		return r.letters.Remove(r.letters.Front()).(*job)
	}
	if r.crowded(l) || l.Pause > 0 {
		return nil
	}
	fresh := !r.laden() && r.due(l, now)
	switch {
	case r.again.Len() > 0 && (!fresh || r.turn.resends(r.resending, l.InFlight)):
		r.turn = freshTurn
		return r.again.Remove(r.again.Front()).(*job)
	case fresh:
		r.turn = resendTurn
		return r.gather(l)
	case r.resumed && r.writing == r.posting:
		return r.probe()
	default:
		return nil
	}
}

// probe is what to write when a shaper's pause is over, by which it wants to know
// whether the destination is back, and nothing is due: of what found nobody, that
// which is due first. Its own backoff would ask more rarely, after a long outage
// by far. Where its tries are counted they are not used up like that.
func (r *route) probe() *job {
	r.resumed = false
	if r.retry.Tries > 0 {
		return nil
	}
	var first *job
	for _, j := range r.parked.all() {
		if j.absent && j.letter == nil && (first == nil || j.due.Before(first.due)) {
			first = j
		}
	}
	if first != nil {
		r.parked.remove(first)
	}
	return first
}

// A turn is whose it is when both wait: batches that have not been written yet,
// and those whose Write must be repeated. The latter never take more than half
// of the Writes there may be then, rounded up, and no two in a row: a stream
// whose Writes fail again and again, each after a long time, holds up nobody.
type turn bool

const (
	resendTurn turn = false
	freshTurn  turn = true
)

// resends reports whether a Write may be one that repeats another, while
// resending of inFlight do.
func (t turn) resends(resending, inFlight int) bool {
	return t == resendTurn && 2*resending < inFlight
}

// gather makes a job of what has come first.
func (r *route) gather(l batch.Limits) *job {
	j, o := newJob(), load{limits: l}
	if r.grouping.perStream {
		s := r.ready.Remove(r.ready.Front()).(*shard)
		s.ready = nil
		o.parts = make([]part, 0, min(len(s.parts), 8))
		for len(s.parts) > 0 && o.take(s) {
		}
		j.extend(s, o.entries)
	} else {
		o.parts = make([]part, 0, min(r.lingering.len(), 8))
		r.gatherAll(j, &o)
	}
	j.parts, j.size, j.entries = o.parts, o.bytes, o.entries
	for i := range j.parts {
		r.took(&j.parts[i])
		j.cost += j.parts[i].cost()
	}
	r.carried += j.cost
	return j
}

// gatherAll takes from all that lingers, in the order of arrival. What it has
// taken from is busy until the job is done, so that streams stay in order.
func (r *route) gatherAll(j *job, o *load) {
	for more := true; more && r.lingering.len() > 0; {
		s, bytes, entries := r.lingering.head(), o.bytes, o.entries
		for more && len(s.parts) > 0 {
			more = o.take(s)
		}
		r.free.add(bytes-o.bytes, entries-o.entries)
		if o.entries > entries {
			j.extend(s, o.entries)
		}
		if len(s.parts) == 0 {
			r.unlinger(s)
		} else {
			r.linger(s)
		}
	}
	for s := range j.shards {
		r.unlinger(s)
	}
}

// begin hands a job to a worker.
func (r *route) begin(j *job, l batch.Limits) {
	r.writing++
	j.post = j.letter != nil || j.delivery == nil && j.parts[0].dead != nil
	if j.post {
		r.posting++
		j.now = amount{j.size, j.entries}
	} else {
		r.meter(j, l)
	}
	r.status.began(r.writing)
	r.work <- j // has room for every worker
}

// meter notes what the shaper will want to know of a Write to the sink.
func (r *route) meter(j *job, l batch.Limits) {
	r.resumed = false
	j.resend = j.delivery != nil
	if !j.resend {
		j.now = amount{j.size, j.entries}
	} else {
		r.resending++
		most := l.MaxBytes // which may be less than it was when j was made
		if j.panics > 0 {
			most = max(1, min(most, j.now.bytes)) // nothing that has not been there shall share the blame
		}
		j.delivery.Limit(most)
		b := j.delivery.Batch()
		j.now = amount{b.Size(), len(b.Entries)}
	}
	j.timeout = l.Timeout
	j.inFlight = r.writing - r.posting
	r.begun += int64(j.now.bytes)
}
