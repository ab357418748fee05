package pipeline

import (
	"container/list"
	"context"
	"runtime/pprof"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A route gathers parts in shards and writes them. One goroutine, the owner,
// has the shards; a fixed number of workers do the Writes. A job that must wait
// before it is written again is parked: it keeps its shards busy, and neither
// owner nor worker.
//
//	enqueue -> inbox -> owner: shards -> job -> worker: Write -> results -> owner
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
	spare    []part // for the inbox
	shards   map[batch.Labels]*shard
	touched  []*shard // to be looked at by arrange
	arrivals arrivals

	lingering waitline[*shard] // without a job, by arrival
	free      amount           // what these hold
	judged    int              // no shard that lingers is full at so many bytes
	ready     list.List        // of *shard: each is worth a batch, where a batch is of one
	parked    waitline[*job]   // by when they may be written again
	again     list.List        // of *job: to be written again now
	letters   list.List        // of *job: for the dead letter

	limits    batch.Limits // the shaper's last answer
	asked     time.Time    // when it gave it
	resumed   bool         // it paused before, and nothing has begun since that was over
	writing   int          // all Writes running
	posting   int          // those to the dead letter
	resending int          // those to the sink that are no first ones
	turn      turn         // whose it is if first Writes and others wait
	begun     int64        // bytes of all Writes to the sink
	vain      int          // Writes to the sink in a row that found nobody
	misshaped bool         // the shaper has panicked

	pending  int      // bytes in shards, jobs left out
	held     int      // memory kept in shards
	carried  int      // memory kept in jobs
	sampled  int      // entries Sample has looked at
	news     []func() // calls of hooks to be made
	outage   outage   // of the sink
	refusals gathered // entries, for the log
	oversize gathered // batches, for the log
}

// An amount of entries.
type amount struct{ bytes, entries int }

func (a *amount) add(bytes, entries int) {
	a.bytes += bytes
	a.entries += entries
}

func newRoute(e *Engine, cfg Route, g grouping) *route {
	r := &route{
		engine:   e,
		cfg:      cfg,
		grouping: g,
		wake:     make(chan struct{}, 1),
		work:     make(chan *job, cfg.MaxInFlight),
		results:  make(chan *job, cfg.MaxInFlight),
		shards:   map[batch.Labels]*shard{},
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
		timer.Reset(r.sleep())
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
	key := p.key
	if r.grouping.perStream {
		key = r.streamOf(key)
	}
	s := r.shards[key]
	if s == nil {
		s = &shard{key: key, at: -1}
		r.shards[key] = s
	}
	r.arrivals.note(&p, s)
	s.push(p)
	if s.at >= 0 {
		r.free.add(p.size, p.entries())
	}
	r.pending += p.size
	r.held += p.cost()
	r.touch(s)
}

// took notes that p has left its shard.
func (r *route) took(p *part) {
	r.pending -= p.size
	r.held -= p.cost()
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
