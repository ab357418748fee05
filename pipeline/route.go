package pipeline

import (
	"container/heap"
	"container/list"
	"context"
	"hash/maphash"
	"math"
	"runtime/pprof"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A route gathers parts in shards and writes them. One goroutine, the owner,
// has the shards; a fixed number of workers do the Writes. A batch that must
// wait before it is written again is parked in its shard and occupies neither.
//
//	enqueue -> inbox -> owner: shards -> ready -> worker: Write -> results -> owner
type route struct {
	engine *Engine
	cfg    Route
	ledger ledger
	status routeStatus
	sup    *lifecycle.Supervisor // nil before start
	owner  *lifecycle.Handle

	sink      sink.Sink // without the outermost Retry, whose policy the route follows
	retry     sink.RetryConfig
	dead      sink.Sink
	deadRetry sink.RetryConfig
	grouping  grouping

	inbox inbox
	// wake tells the owner to look around: new parts, somebody in a hurry, stop.
	wake    chan struct{}
	work    chan *job
	results chan *job

	// The rest is the owner's.
	spare     []part // for the inbox
	seed      maphash.Seed
	shards    map[shardKey]*shard
	touched   []*shard  // to be looked at by arrange
	ready     list.List // of *shard: a Write is due
	lingering shardHeap // without a job
	parked    shardHeap // with one
	arrivals  arrivals
	writing   int
	pending   int      // bytes in shards, jobs left out
	held      int      // memory kept in shards, and in parked jobs if there may be more of those than Writes
	sampled   int      // entries Sample has looked at
	news      []func() // calls of hooks to be made
	misshaped bool     // the shaper has panicked
	outage    outage   // of the sink
	refusals  gathered // entries, for the log
}

func newRoute(e *Engine, cfg Route, g grouping) *route {
	r := &route{
		engine:   e,
		cfg:      cfg,
		grouping: g,
		wake:     make(chan struct{}, 1),
		work:     make(chan *job, cfg.MaxInFlight),
		results:  make(chan *job, cfg.MaxInFlight),
		seed:     maphash.MakeSeed(),
		shards:   map[shardKey]*shard{},
	}
	r.sink, r.retry = sink.Policy(cfg.Sink)
	if cfg.DeadLetter != nil {
		r.dead, r.deadRetry = sink.Policy(cfg.DeadLetter)
	}
	return r
}

// start runs the owner and the workers.
func (r *route) start(sup *lifecycle.Supervisor) {
	r.sup = sup
	again := lifecycle.Restart{Min: time.Millisecond, Max: 50 * time.Millisecond}
	r.owner = sup.Start(lifecycle.Task{Name: "owner", Run: r.own, Restart: again})
	for range r.cfg.MaxInFlight {
		sup.Start(lifecycle.Task{Name: "writer", Run: r.writeJobs, Restart: again})
	}
}

// writeJobs is a worker. It ends when the owner does. A Write that ends its
// goroutine is a failure of the task, and lifecycle runs it again, but not
// during Close: abandon takes what such a worker leaves.
func (r *route) writeJobs(ctx context.Context) error {
	writing := labelled(r.engine.writing, ctx)
	for {
		select {
		case j, ok := <-r.work:
			if !ok {
				return nil
			}
			j.write(writing, r)
		case <-ctx.Done(): // Close has waited for the owner, as long as it could
			return nil
		}
	}
}

// labelled returns ctx with the profiler labels of the task whose ctx is from: a
// sink that sets labels for a while finds in its ctx those to go back to.
func labelled(ctx, from context.Context) context.Context {
	var labels []string
	pprof.ForLabels(from, func(key, value string) bool {
		labels = append(labels, key, value)
		return true
	})
	return pprof.WithLabels(ctx, pprof.Labels(labels...))
}

// enqueue takes over parts and their references. It never waits.
func (r *route) enqueue(parts []part) {
	now := time.Now()
	n := 0
	for i := range parts {
		parts[i].at = now
		n += parts[i].entries()
	}
	r.ledger.enter(n)
	limit := 0
	if r.cfg.BestEffort {
		limit = r.cfg.BufferBytes
	}
	over, closed := r.inbox.put(parts, limit, r.cfg.Overflow == DropOldest)
	for i := range over {
		if closed {
			r.giveBackPart(&over[i])
		} else {
			r.ledger.leave(DroppedOverflow, over[i].entries()) // a copy: no account is kept of it
			over[i].b.Settle(nil)
		}
	}
	r.nudge()
}

func (r *route) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// own is the owner's loop. It ends at the hard stop, when no Write runs any
// more and everything left has been given back. Should a hook end its goroutine
// the task is run again, and goes on where it was.
func (r *route) own(context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.collect()
		if !r.engine.isHard() {
			r.dispatch()
			r.tell()
		} else if r.abandon(); r.writing == 0 {
			// A hook may end the goroutine, and then this is run again: the
			// workers are sent home last.
			r.tell()
			close(r.work)
			return nil
		}
		timer.Reset(r.next())
		select {
		case <-r.wake:
		case j := <-r.results:
			r.complete(j)
		case <-timer.C:
		}
	}
}

// tell calls the hooks for what has happened: nowhere else, for a hook may end
// the goroutine. Each call is off the list before it is made.
func (r *route) tell() {
	for len(r.news) > 0 {
		call := r.news[0]
		r.news[0] = nil
		r.news = r.news[1:]
		call()
	}
}

// dropped has the hook told.
func (r *route) dropped(reason string, n int) {
	if n > 0 && r.engine.cfg.Hooks.Dropped != nil {
		r.news = append(r.news, func() { r.engine.dropped(r.cfg.Name, reason, n) })
	}
}

// collect moves what has arrived into the shards.
func (r *route) collect() {
	parts, lost := r.inbox.take(r.spare)
	r.spare = nil
	r.dropped(DroppedOverflow, lost)
	for i := range parts {
		if p := parts[i]; p.dead != nil || r.accept(&p) {
			r.push(p)
		}
	}
	if cap(parts) <= maxSpare {
		clear(parts)
		r.spare = parts[:0]
	}
}

// maxSpare is how many parts' worth of memory is kept for the inbox: a burst of
// thousands of streams does not stay resident.
const maxSpare = 64

func (r *route) push(p part) {
	key := r.shardKey(p.key)
	s := r.shards[key]
	if s == nil {
		s = &shard{key: key, place: -1}
		r.shards[key] = s
	}
	r.arrivals.note(&p, s)
	s.push(p)
	r.pending += p.size
	r.held += p.cost()
	r.touch(s)
}

// took notes that p has left its shard.
func (r *route) took(p *part) {
	r.pending -= p.size
	r.held -= p.cost()
}

// shardKey is the shard of a stream: its own, or one of as many as there may be
// Writes at once.
func (r *route) shardKey(l batch.Labels) shardKey {
	if r.grouping.perStream {
		return shardKey{stream: r.streamOf(l)}
	}
	if r.cfg.MaxInFlight == 1 {
		return shardKey{}
	}
	return shardKey{slot: maphash.Comparable(r.seed, l) % uint64(r.cfg.MaxInFlight)}
}

// streamOf is the stream of entries with the labels l. If the sink panics when it
// is asked, they are a stream of their own.
func (r *route) streamOf(l batch.Labels) (stream batch.Labels) {
	if r.grouping.namer == nil {
		return l
	}
	err := guard("StreamOf", func() error {
		stream = r.grouping.namer.StreamOf(l)
		return nil
	})
	if err != nil {
		return l
	}
	return stream
}

// labelsOf is what the batches of s are labelled with. Where the sink names the
// streams, the labels of their entries differ, or may be none.
func (r *route) labelsOf(s *shard) batch.Labels {
	if r.grouping.namer != nil {
		return batch.Labels{}
	}
	return s.key.stream
}

// dispatch gives due shards to workers, as many as may write at once.
func (r *route) dispatch() {
	now := time.Now()
	l := r.limits(now)
	r.arrange(l, now)
	for r.writing < l.InFlight && r.ready.Len() > 0 {
		s := r.ready.Remove(r.ready.Front()).(*shard)
		s.ready = nil
		r.begin(s, l)
	}
}

// limits asks the shaper, and makes sense of what a foreign one answers.
func (r *route) limits(now time.Time) batch.Limits {
	st := batch.State{Now: now, InFlight: r.writing, Backlog: r.pending}
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

// begin hands one batch of s to a worker.
func (r *route) begin(s *shard, l batch.Limits) {
	j := s.job
	if j == nil {
		parts := s.cut(l)
		j = &job{shard: s, parts: parts}
		for i := range parts {
			r.took(&parts[i])
			j.size += parts[i].size
			j.cost += parts[i].cost()
			j.entries += parts[i].entries()
		}
		s.job = j
	}
	if j.held {
		r.held -= j.cost
	}
	j.parked, j.held = false, false
	r.writing++
	j.inFlight = r.writing
	r.status.began(r.writing)
	r.work <- j // has room for every worker
}

// complete takes a job back from its worker.
func (r *route) complete(j *job) {
	r.writing--
	outcome, letter := j.outcome(), j.letter != nil
	wait, again := j.verdict(r.engine.isHard())
	if r.status.ended(r.writing, j.err, again || j.gaveUp()) {
		r.recovered()
	}
	switch {
	case again && r.engine.isHard():
		r.giveBack(j)
	case again:
		r.park(j, wait)
	case letter:
		r.posted(j)
	default:
		r.written(j)
	}
	if !letter {
		r.shape(func() { r.cfg.Shaper.Observe(outcome) })
	}
}

// recovered ends what writeFailed began.
func (r *route) recovered() {
	if !r.outage.since.IsZero() {
		r.outage = outage{}
		r.engine.log.logger.Info("writing goes well again", "route", r.cfg.Name)
	}
}

// park puts a job whose Write must be repeated back at the head of its shard.
// It holds no worker while it waits.
func (r *route) park(j *job, wait time.Duration) {
	r.writeFailed(j.err, wait)
	j.parked = true
	if len(r.parked) >= r.cfg.MaxInFlight {
		j.held = true
		r.held += j.cost
	}
	s := j.shard
	s.due = time.Now().Add(max(wait, time.Millisecond))
	heap.Push(&r.parked, s)
}

// release frees the shard for its next batch.
func (r *route) release(s *shard) {
	s.job = nil
	if len(s.parts) == 0 {
		delete(r.shards, s.key)
		return
	}
	r.touch(s)
}
