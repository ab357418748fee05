package sinktest

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A parcel is one batch of the kit on its way to the Sink. It belongs to one goroutine at a time.
type parcel struct {
	h        *harness
	b        *batch.Batch
	records  []*record // of the entries of delivery
	delivery *sink.Delivery
	settled  atomic.Bool
}

// stream returns the labels of the kit's stream i.
func stream(i int) batch.Labels {
	return batch.MustLabels("job", "sinktest", "stream", strconv.Itoa(i))
}

// parcel returns an empty one whose entries are of the stream l, if they do not say otherwise.
func (h *harness) parcel(l batch.Labels) *parcel {
	return &parcel{h: h, b: batch.New(h.pool, l)}
}

// add appends one entry. Zero labels mean those of the batch.
func (p *parcel) add(l batch.Labels, line []byte, attrs ...batch.Attr) {
	p.b.Append(p.h.ledger.now(), line, attrs...)
	p.b.Entries[len(p.b.Entries)-1].Labels = l
}

// fill appends n ordinary entries.
func (p *parcel) fill(l batch.Labels, n int) *parcel {
	for range n {
		p.add(l, p.h.ledger.line(" an ordinary line"))
	}
	return p
}

// seal ends the adding: from here on the batch is shared, so that a Sink that changes it by its methods panics.
func (p *parcel) seal() *parcel {
	for i := range p.b.Entries {
		e := p.b.Entries[i].Clone()
		e.Labels = p.b.LabelsOf(i)
		if p.h.target.Stored != nil {
			p.h.target.Stored(&e)
		}
		p.records = append(p.records, p.h.ledger.record(e))
	}
	p.b.OnSettled(func(error) { p.settled.Store(true) })
	p.b.Retain(1)
	p.begin(p.b)
	return p
}

// narrow makes the Subset idx what is to be written.
func (p *parcel) narrow(idx []int32) {
	whole := p.records
	p.records = nil
	for _, i := range idx {
		p.records = append(p.records, whole[i])
	}
	p.begin(p.b.Subset(idx))
}

// begin expects that whatever is worth a retry succeeds in time.
func (p *parcel) begin(b *batch.Batch) {
	cfg := sink.RetryConfig{Min: time.Millisecond, Max: 100 * time.Millisecond, MaxElapsed: p.h.target.Patience}
	p.delivery = cfg.Begin(b)
}

// once makes one Write and books what it did. It returns how long to wait for the next; again is false when there is
// nothing left to do.
func (p *parcel) once(ctx context.Context) (wait time.Duration, again bool, err error) {
	for _, i := range p.pending() {
		p.h.ledger.tried(p.records[i])
	}
	b := p.delivery.Batch()
	before := fingerprint(b)
	err = p.h.target.Sink.Write(ctx, b)
	if fingerprint(b) != before {
		p.h.Errorf("sinktest: Write changed its batch")
	}
	p.h.inspect(err, len(b.Entries))
	if err != nil && ctx.Err() != nil {
		p.delivery.Interrupted(err)
	} else {
		wait, again = p.delivery.Done(err)
	}
	p.book()
	return wait, again, err
}

// deliver writes until every entry's fate is known.
func (p *parcel) deliver(ctx context.Context) error {
	for p.delivery.Batch() != nil {
		wait, again, err := p.once(ctx)
		if again && !lifecycle.Sleep(ctx, wait) {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
	for _, f := range p.delivery.Failed() {
		if errors.Is(f.Err, sink.ErrGaveUp) {
			p.h.Errorf("sinktest: %s: not delivered within %v and not refused for good either: %v", p.records[f.Index], p.h.target.Patience, f.Err)
			break
		}
	}
	p.release()
	return nil
}

// pending returns the indices of what the next Write is about.
func (p *parcel) pending() []int {
	var idx []int
	if p.delivery.Tries() == 0 {
		for i := range p.records {
			idx = append(idx, i)
		}
		return idx
	}
	for _, f := range p.delivery.Pending() {
		idx = append(idx, f.Index)
	}
	return idx
}

// book takes down the fate of every entry.
func (p *parcel) book() {
	fates := make([]fate, len(p.records))
	for i := range fates {
		fates[i] = delivered
	}
	for _, f := range p.delivery.Pending() {
		fates[f.Index] = open
	}
	for _, f := range p.delivery.Failed() {
		fates[f.Index] = refused
		if errors.Is(f.Err, sink.ErrGaveUp) {
			fates[f.Index] = open
		}
	}
	for i, r := range p.records {
		p.h.ledger.book(r, fates[i])
	}
}

// release settles the batch; its memory is overwritten then.
func (p *parcel) release() {
	defer func() {
		if recover() != nil {
			p.h.Errorf("sinktest: the Sink settled a batch, which is its caller's to do")
		}
	}()
	p.b.Settle(nil)
	p.b.Settle(nil)
	if !p.settled.Load() {
		p.h.Errorf("sinktest: the Sink retained its batch beyond Write")
	}
}

// send seals p and delivers it, the Sink being given its time.
func (p *parcel) send() {
	p.h.Helper()
	p.seal()
	p.h.within("Write", p.deliver)
}

// inspect reports an error that no Write may return.
func (h *harness) inspect(err error, n int) {
	p, ok := errors.AsType[*sink.PartialError](err)
	switch {
	case !ok:
		return
	case p == nil:
		h.Errorf("sinktest: Write returned a nil *PartialError, which as an error is not nil")
		return
	case len(p.Failures) == 0:
		h.Errorf("sinktest: Write returned a PartialError without Failures; want nil")
	}
	seen := make([]bool, n)
	for _, f := range p.Failures {
		switch {
		case f.Index < 0 || f.Index >= n:
			h.Errorf("sinktest: PartialError lists entry %d of a batch of %d", f.Index, n)
			return
		case seen[f.Index]:
			h.Errorf("sinktest: PartialError lists entry %d twice", f.Index)
			return
		case f.Err == nil:
			h.Errorf("sinktest: PartialError lists entry %d without an error", f.Index)
			return
		}
		seen[f.Index] = true
	}
}

// permanentIn returns a permanent error in err, nil if there is none.
func permanentIn(err error) error {
	p, ok := errors.AsType[*sink.PartialError](err)
	switch {
	case !ok && sink.IsPermanent(err):
		return err
	case !ok || p == nil:
		return nil
	}
	for _, f := range p.Failures {
		if sink.IsPermanent(f.Err) {
			return f.Err
		}
	}
	return nil
}

var seed = maphash.MakeSeed()

// fingerprint depends on all a Sink must not change.
func fingerprint(b *batch.Batch) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	text := func(s string) {
		h.WriteString(strconv.Itoa(len(s)))
		h.WriteByte(' ')
		h.WriteString(s)
	}
	text(b.Labels.String())
	for i := range b.Entries {
		e := &b.Entries[i]
		text(e.Time.Format(time.RFC3339Nano))
		text(string(e.Line))
		text(e.Labels.String())
		for _, a := range e.Attrs {
			text(a.Key)
			text(a.Value)
		}
		h.WriteByte('\n')
	}
	return h.Sum64()
}
