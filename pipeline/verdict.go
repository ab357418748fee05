package pipeline

import (
	"container/list"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// written ends the sink's part of a job: every entry was delivered or refused
// for good.
func (r *route) written(j *job) {
	failed := j.delivery.Failed()
	r.status.delivered(j.size - sizeOf(j.b, failed))
	if len(failed) == 0 {
		r.ledger.settle(j.entries, nil)
		r.finish(j)
		return
	}
	r.refused(failed)
	if r.dead == nil {
		r.book(j, failed, DroppedRefused)
		r.finish(j)
		return
	}
	r.ledger.settle(j.entries-len(failed), nil)
	j.toDeadLetter(r, failed)
	r.letters.PushBack(j)
}

// sizeOf counts the bytes of the entries that failed.
func sizeOf(b *batch.Batch, failed []sink.Failure) (n int) {
	for _, f := range failed {
		n += b.Entries[f.Index].Size()
	}
	return n
}

// posted ends the dead letter's part of a job.
func (r *route) posted(j *job) {
	refused := j.delivery.Failed()
	isRefused := make(map[int]bool, len(refused))
	for _, f := range refused {
		isRefused[f.Index] = true
	}
	fates := make(map[int32]fate, len(j.letter.Entries))
	for i := range j.letter.Entries {
		f := fateDead
		if isRefused[i] {
			f = DroppedDeadLetter
		}
		fates[int32(i)] = f
		markOrigin(j.letter, i, f)
	}
	r.ledger.settle(len(j.letter.Entries), fates)
	r.deadLettered(len(j.letter.Entries) - len(refused))
	r.dropped(DroppedDeadLetter, len(refused))
	r.finish(j)
}

// book counts a job out of flight whose failed entries are dropped.
func (r *route) book(j *job, failed []sink.Failure, reason string) {
	fates := make(map[int32]fate, len(failed))
	for _, f := range failed {
		fates[int32(f.Index)] = fate(reason)
		markOrigin(j.b, f.Index, fate(reason))
	}
	r.ledger.settle(j.entries, fates)
	r.dropped(reason, len(failed))
}

// finish settles a job whose every entry has met its fate.
func (r *route) finish(j *job) {
	j.settle(nil)
	r.freeShards(j)
}

// giveBack ends a job at a hard stop: its entries are read again.
func (r *route) giveBack(j *job) {
	r.ledger.giveBack(j.entries)
	j.settle(errNotDelivered)
	r.freeShards(j)
}

// giveBackPart is giveBack of a part no job was made of.
func (r *route) giveBackPart(p *part) {
	r.ledger.giveBack(p.entries())
	p.b.Settle(errNotDelivered)
}

// abandon gives back everything that no Write is running for, and lets nothing
// in any more.
func (r *route) abandon() {
	parts := r.inbox.close()
	for _, s := range r.shards {
		parts = append(parts, s.parts...)
		s.parts, s.bytes, s.entries, s.at, s.ready = nil, 0, 0, -1, nil
		if s.idle() {
			delete(r.shards, s.key)
		}
	}
	r.ready.Init()
	r.lingering, r.free, r.touched = waitline[*shard]{}, amount{}, nil
	for i := range parts {
		r.giveBackPart(&parts[i])
	}
	for _, j := range r.parked.all() {
		r.giveBack(j)
	}
	r.parked = waitline[*job]{}
	r.status.planned(r.limits, 0)
	for _, l := range []*list.List{&r.again, &r.letters} {
		for l.Len() > 0 {
			r.giveBack(l.Remove(l.Front()).(*job))
		}
	}
	for {
		select {
		case j := <-r.work: // that no worker has taken, and perhaps none is left
			r.ended(j)
			r.giveBack(j)
		default:
			return
		}
	}
}
