package pipeline

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A job is one batch on its way into the sink, and, for what the sink refuses,
// into the dead letter. It belongs to the route's owner, but while a worker
// writes it, to the worker.
type job struct {
	runs  []run  // whose entries they are
	one   [1]run // where runs begins: most jobs are of one shard
	parts []part // what to merge, before the first Write

	b        *batch.Batch // the entries for the sink
	delivery *sink.Delivery
	target   sink.Sink
	entries  int // of b, or of letter
	size     int
	cost     int // memory it keeps

	letter   *batch.Batch // the entries for the dead letter, if the job has come to that
	returned bool         // by the Write, or else it panicked or exited
	panics   int          // in a row

	due    time.Time // parked: when it may be written again
	at     int       // its place among the parked, -1: it is not
	absent bool      // parked because the destination was not there when it was asked
	vainly bool      // or because a breaker says so, rather than told to wait

	// Of the Write that runs, or the last one.
	post     bool   // it is to the dead letter
	resend   bool   // it is not the first to the sink
	now      amount // what is written, to the sink
	timeout  time.Duration
	inFlight int // Writes to the sink running when it began
	began    time.Time
	took     time.Duration
	err      error // what it returned
}

// A run is entries of a job's batch that came from one shard.
type run struct {
	shard *shard // nil: free again, for nothing of the run is to be written any more
	until int    // the index behind the last of them
}

func newJob() *job {
	j := &job{at: -1}
	j.runs = j.one[:0]
	return j
}

func (j *job) before(o *job) bool { return j.due.Before(o.due) }
func (j *job) place() int         { return j.at }
func (j *job) moved(to int)       { j.at = to }

// extend notes that entries up to until come from s.
func (j *job) extend(s *shard, until int) {
	s.job = j
	if n := len(j.runs); n > 0 && j.runs[n-1].shard == s {
		j.runs[n-1].until = until
		return
	}
	j.runs = append(j.runs, run{s, until})
}

// shards yields each shard the job keeps busy, some more than once.
func (j *job) shards(yield func(*shard) bool) {
	for _, x := range j.runs {
		if x.shard != nil && !yield(x.shard) {
			return
		}
	}
}

// shardOf returns whose entry i of b is, nil if nothing of its run is to be
// written any more.
func (j *job) shardOf(i int) *shard {
	at, _ := slices.BinarySearchFunc(j.runs, i, func(x run, i int) int {
		if x.until <= i {
			return -1
		}
		return 1
	})
	return j.runs[at].shard
}

// split makes a job of its own of the entries of all shards that do not stay,
// nil if there are none of them, or no others. It holds the batch as j does.
func (j *job) split() *job {
	d := j.delivery.Split(func(i int) bool { return !j.shardOf(i).stays })
	if d == nil {
		return nil
	}
	o := newJob()
	o.b, o.target, o.delivery = j.b, j.target, d
	o.b.Retain(1)
	for _, f := range d.Pending() {
		o.entries++
		o.size += o.b.Entries[f.Index].Size()
	}
	o.cost = int(int64(j.cost) * int64(o.entries) / int64(j.entries))
	j.entries, j.size, j.cost = j.entries-o.entries, j.size-o.size, j.cost-o.cost
	o.runs = slices.Clone(j.runs)
	for i, x := range j.runs {
		switch {
		case x.shard == nil:
		case x.shard.stays:
			o.runs[i].shard = nil
		default:
			j.runs[i].shard = nil
			x.shard.job = o
		}
	}
	return o
}

// maxPanics is how often in a row Writes of one batch, or of a piece of it, may
// panic before what they were to write is taken to be the reason.
const maxPanics = 3

// prepare merges the parts: the worker does it, so that the owner does not.
func (j *job) prepare(r *route) {
	if j.b != nil {
		return
	}
	j.b = batch.New(&r.engine.pool, r.labelsOf(j))
	j.b.Grow(j.entries)
	for i := range j.parts {
		j.parts[i].mergeInto(j.b)
	}
	j.target = r.sink
	if reason := j.parts[0].dead; reason != nil {
		j.address(r, reason)
	} else {
		j.delivery = r.retry.Begin(j.b)
	}
	j.parts = nil
}

// address makes the whole of b a dead letter.
func (j *job) address(r *route, reason error) {
	failures := make([]sink.Failure, len(j.b.Entries))
	for i := range failures {
		failures[i] = sink.Failure{Index: i, Err: reason}
	}
	j.toDeadLetter(r, failures)
}

// toDeadLetter turns the job to the dead letter, with the entries that failed.
func (j *job) toDeadLetter(r *route, failures []sink.Failure) {
	idx := make([]int32, len(failures))
	for i, f := range failures {
		idx[i] = int32(f.Index)
	}
	j.b.Retain(1)
	j.letter = batch.New(&r.engine.pool, j.b.Labels)
	j.letter.Merge(j.b, idx)
	for i, f := range failures {
		e := &j.letter.Entries[i]
		e.Attrs = append(e.Attrs[:len(e.Attrs):len(e.Attrs)],
			batch.Attr{Key: DeadLetterReason, Value: f.Err.Error()},
			batch.Attr{Key: DeadLetterRoute, Value: r.cfg.Name})
	}
	j.entries, j.size = len(j.letter.Entries), j.letter.Size()
	j.target, j.panics = r.dead, 0
	j.delivery = r.deadRetry.Begin(j.letter)
}

// write does one Write. It returns normally whatever the sink does, unless the
// sink ends the goroutine; then the job still is returned, by the deferred call.
func (j *job) write(ctx context.Context, r *route) {
	j.returned, j.err = false, nil
	j.began = time.Now()
	defer func() {
		j.took = time.Since(j.began)
		if !j.returned {
			j.err = lifecycle.ErrGoexit
			if v := recover(); v != nil {
				j.err = &lifecycle.PanicError{Task: "sink of route " + r.cfg.Name, Value: v, Stack: debug.Stack()}
			}
		}
		r.results <- j // has room for every worker
	}()
	j.prepare(r)
	target := j.target
	if !j.post {
		target = sink.Timeout(target, j.timeout) // itself if there is none
	}
	if err := target.Write(ctx, j.delivery.Batch()); err != nil {
		j.err = sound(err)
	}
	j.returned = true
}

// verdict is what a Write's end means: done, or to be repeated after wait. At
// the hard stop, which made Writes fail, nothing becomes permanent because its
// tries are used up.
func (j *job) verdict(hard bool) (wait time.Duration, again bool) {
	err := j.err
	if j.returned {
		j.panics = 0
	} else if j.panics++; j.panics >= maxPanics {
		err, j.panics = sink.Permanent(err), 0
	}
	if hard && err != nil {
		j.delivery.Interrupted(err)
		return 0, len(j.delivery.Pending()) > 0
	}
	return j.delivery.Done(err)
}

// gaveUp reports whether entries are lost to the destination's being away,
// rather than for what they are.
func (j *job) gaveUp() bool {
	return slices.ContainsFunc(j.delivery.Failed(), func(f sink.Failure) bool { return errors.Is(f.Err, sink.ErrGaveUp) })
}

// settle ends the job: every reference it holds is dropped with err.
func (j *job) settle(err error) {
	if j.letter != nil {
		j.letter.Settle(err)
	}
	if j.b != nil {
		j.b.Settle(err)
	}
	for i := range j.parts {
		j.parts[i].b.Settle(err)
	}
	j.parts = nil
}

// outcome is what the shaper is told of the Write that has just ended. ctx is
// that of all Writes: the end of a timeout is the destination's failure.
func (j *job) outcome(ctx context.Context) batch.Outcome {
	o := batch.Outcome{
		Entries: j.now.entries, Bytes: j.now.bytes, InFlight: j.inFlight,
		Took: j.took, Err: j.err, Now: j.began.Add(j.took),
	}
	o.Class, o.RetryAfter = sink.ClassOf(ctx, j.err, j.now.entries)
	return o
}
