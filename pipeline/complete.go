package pipeline

import (
	"container/list"
	"errors"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// complete takes a job back from its worker.
func (r *route) complete(j *job) {
	post, outcome, hard := j.post, j.outcome(r.engine.writing), r.engine.isHard()
	r.ended(j)
	wait, again := j.verdict(hard)
	failed := again && (hard || wait > 0) || !again && j.err != nil && j.gaveUp()
	if r.status.ended(r.writing, j.err, failed) {
		r.recovered()
	}
	if !post {
		r.shape(func() { r.cfg.Shaper.Observe(outcome) })
		r.learn(outcome)
	}
	switch {
	case again && hard:
		r.giveBack(j)
	case again && wait == 0:
		r.goOn(j, outcome)
	case again:
		r.park(j, wait, outcome)
	case post:
		r.posted(j)
	default:
		r.written(j)
	}
}

// ended counts a Write out.
func (r *route) ended(j *job) {
	r.writing--
	switch {
	case j.post:
		r.posting--
	case j.resend:
		r.resending--
	}
}

// recovered ends what writeFailed began.
func (r *route) recovered() {
	if !r.outage.since.IsZero() {
		r.outage = outage{}
		r.engine.log.logger.Info("writing goes well again", "route", r.cfg.Name)
	}
}

// learn ends an outage: when a Write goes well after several in a row that found
// nobody, all that found nobody need not wait any longer. What has been told to
// wait stays where it is.
func (r *route) learn(o batch.Outcome) {
	switch o.Class {
	case batch.Failed:
		r.vain++
	case batch.Delivered:
		if r.vain >= outageAfter {
			for _, j := range r.parked.all() {
				if j.vainly && j.letter == nil {
					j.due = o.Now
				}
			}
			r.parked.reorder()
		}
		r.vain = 0
	}
}

// outageAfter is how many Writes in a row are an outage rather than a mishap of
// one batch, which its own backoff is there for.
const outageAfter = 3

// goOn has the next piece of a job written as soon as may be: after one that is
// through, or for one that was too large.
func (r *route) goOn(j *job, o batch.Outcome) {
	if o.Class == batch.TooLarge && o.Entries > 1 {
		r.tooLarge(j.err, o)
	}
	r.slim(j)
	r.queueOf(j).PushFront(j)
}

// queueOf is where j belongs when it may be written again.
func (r *route) queueOf(j *job) *list.List {
	if j.letter != nil {
		return &r.letters
	}
	return &r.again
}

// park keeps a job whose Write must be repeated until it is time. It holds no
// worker while it waits, and its shards are busy: what came later goes later.
func (r *route) park(j *job, wait time.Duration, o batch.Outcome) {
	r.writeFailed(j.err, wait)
	r.slim(j)
	r.partWays(j, o)
	j.absent = o.Class == batch.Failed
	j.vainly = j.absent || errors.Is(j.err, sink.ErrBreakerOpen)
	j.due = time.Now().Add(wait)
	r.parked.put(j)
}

// slim frees the shards a job need not keep busy any more, because nothing of
// theirs is to be written again: a stream that is told to wait waits alone.
func (r *route) slim(j *job) {
	if j.letter != nil || len(j.runs) == 1 || j.delivery.Batch() == j.b {
		return
	}
	pending, at := j.delivery.Pending(), 0
	for _, x := range j.runs {
		for ; at < len(pending) && pending[at].Index < x.until; at++ {
			if x.shard != nil {
				x.shard.stays = true
			}
		}
	}
	for i := range j.runs {
		if s := j.runs[i].shard; s != nil && !s.stays {
			j.runs[i].shard = nil
			r.release(j, s)
		}
	}
	for s := range j.shards {
		s.stays = false
	}
}

// partWays lets those of j's streams go on of which the Write that has just ended
// left nothing to repeat, if it failed for entries of its own rather than for the
// destination's sake: they are behind those that must wait only because a batch
// that is written again may go in pieces.
func (r *route) partWays(j *job, o batch.Outcome) {
	_, some := errors.AsType[*sink.PartialError](j.err)
	if !some || o.Class == batch.Failed || o.Class == batch.Throttled || j.letter != nil || len(j.runs) == 1 {
		return
	}
	for _, f := range j.delivery.Held() {
		j.shardOf(f.Index).stays = true
	}
	rest := j.split()
	for s := range j.shards {
		s.stays = false
	}
	if rest != nil {
		r.again.PushFront(rest)
	}
}

// freeShards ends a job's hold on all of its shards, and on its memory.
func (r *route) freeShards(j *job) {
	r.carried -= j.cost
	for s := range j.shards {
		r.release(j, s)
	}
}

// release frees a shard of j for its next batch.
func (r *route) release(j *job, s *shard) {
	if s.job != j {
		return // it has been already: a job may have several runs of it
	}
	s.job = nil
	if len(s.parts) == 0 {
		delete(r.shards, s.key)
		return
	}
	r.touch(s)
}

// labelsOf is what the batch of j is labelled with. Where it may be of several
// streams, or the sink names them, the labels of its entries differ, or may be
// none.
func (r *route) labelsOf(j *job) batch.Labels {
	if !r.grouping.perStream || r.grouping.namer != nil {
		return batch.Labels{}
	}
	return j.runs[0].shard.key
}
