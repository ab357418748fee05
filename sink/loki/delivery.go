package loki

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

const (
	// maxResends bounds the requests that one Write makes beyond those it would make if nothing were refused. What is
	// not settled by then is left to the next Write, which is nearer to the end by that much.
	maxResends = 64
	// maxIsolated is how many entries in a row must have been refused one by one, for reasons we do not understand,
	// before the others are taken to be refused as well.
	maxIsolated = 16
)

// A delivery is the work of one Write: it remembers which entries failed and how. Deliveries are recycled.
type delivery struct {
	sink *Sink
	ctx  context.Context
	b    *batch.Batch

	idx      []int32 // the valid entries of the stream at hand
	failures []sink.Failure
	resends  int
	isolated int   // entries refused one by one since the last request of which something was stored
	limited  bool  // a rate limit has refused something, and that has been noted
	halt     error // why nothing more is sent
}

// reset forgets everything but idx's memory. The failures belong to the error that was returned.
func (d *delivery) reset() { *d = delivery{sink: d.sink, idx: d.idx[:0]} }

func (d *delivery) write(ctx context.Context, b *batch.Batch) error {
	d.ctx, d.b = ctx, b
	if l, ok := onlyLabels(b); ok {
		d.one(l, nil)
	} else {
		d.each()
	}
	return d.outcome()
}

// onlyLabels returns the labels of all entries of b, if they are the same.
func onlyLabels(b *batch.Batch) (batch.Labels, bool) {
	first := b.LabelsOf(0)
	for i := range b.Entries {
		if b.LabelsOf(i) != first {
			return batch.Labels{}, false
		}
	}
	return first, true
}

// each takes the streams of the batch one after the other, in the order of their first entries.
func (d *delivery) each() {
	var order []batch.Labels
	of := make(map[batch.Labels][]int32)
	for i := range d.b.Entries {
		l := d.b.LabelsOf(i)
		if of[l] == nil {
			order = append(order, l)
		}
		of[l] = append(of[l], int32(i))
	}
	for _, l := range order {
		d.one(l, of[l])
	}
}

// one delivers the entries of one stream, all entries of the batch if members is nil.
func (d *delivery) one(l batch.Labels, members []int32) {
	st := d.sink.streams.of(l)
	d.idx = d.idx[:0]
	if members == nil {
		for i := range d.b.Entries {
			d.admit(st, int32(i))
		}
	} else {
		for _, i := range members {
			d.admit(st, i)
		}
	}
	idx := d.idx
	for len(idx) > 0 {
		if d.halt != nil {
			d.fail(idx, d.halt)
			return
		}
		r := d.sink.build(st, d.b, idx, st.limits.request(d.sink.cfg.MaxRequest))
		n := r.n
		if err := d.push(st, idx[:n], r); err != nil {
			d.fail(idx[n:], err)
			return
		}
		idx = idx[n:]
	}
}

// admit checks entry i and puts it on the list.
func (d *delivery) admit(st *stream, i int32) {
	err := st.err
	if err == nil {
		err = checkEntry(&d.b.Entries[i], d.sink.cfg.MaxLine)
	}
	if err != nil {
		d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
		return
	}
	d.idx = append(d.idx, i)
}

func (d *delivery) fail(idx []int32, err error) {
	d.failures = slices.Grow(d.failures, len(idx))
	for _, i := range idx {
		d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
	}
}

// push sends r, which holds the entries idx, and sees to it that each of them is delivered or has failed. An error means
// that the stream cannot go on: nothing that follows may be sent.
func (d *delivery) push(st *stream, idx []int32, r request) error {
	a := d.sink.exchange(d.ctx, r)
	rule := d.sink.rule(a)
	d.sink.noteHealth(rule)
	switch rule.verdict {
	case stored:
		d.isolated = 0
		st.limits.accepted()
		return nil
	case someRefused:
		st.limits.accepted()
		return d.sift(st, idx, a, rule)
	case allRefused:
		d.fail(idx, rule.err)
		return nil
	case tooLarge:
		if len(idx) > 1 {
			return d.halve(st, idx, a, rule)
		}
		d.fail(idx, rule.err)
		return nil
	case limited:
		return d.wait(st, idx, a, rule)
	default:
		return d.stop(idx, rule)
	}
}

// again is push of entries that a had been the answer for, among others.
func (d *delivery) again(st *stream, idx []int32, a answer) error {
	d.resends++
	d.sink.stats.resending.Add(1)
	// They fitted into a.request bytes together with the others.
	return d.push(st, idx, d.sink.build(st, d.b, idx, a.request))
}

// halve sends the two halves of idx, one after the other.
func (d *delivery) halve(st *stream, idx []int32, a answer, rule ruling) error {
	mid := len(idx) / 2
	if err := d.half(st, idx[:mid], a, rule); err != nil {
		d.fail(idx[mid:], err)
		return err
	}
	return d.half(st, idx[mid:], a, rule)
}

func (d *delivery) half(st *stream, idx []int32, a answer, rule ruling) error {
	if d.resends >= maxResends {
		err := rule.err
		if sink.IsPermanent(err) {
			err = fmt.Errorf("loki: %d requests were not enough: %v", maxResends, err)
		}
		d.fail(idx, err)
		return err
	}
	return d.again(st, idx, a)
}

// wait leaves entries to a later Write, or makes the request smaller if waiting will not do.
func (d *delivery) wait(st *stream, idx []int32, a answer, rule ruling) error {
	if !d.limited {
		d.limited = true
		st.limits.refused()
	}
	switch {
	case rule.burst && len(idx) > 1 && d.resends < maxResends:
		return d.halve(st, idx, a, rule)
	case rule.burst && len(idx) == 1 && st.limits.exhausted():
		// It is larger than what the limit allows in a second, and has been refused in many Writes.
		d.fail(idx, sink.Permanent(fmt.Errorf("%w (gave up)", errors.Unwrap(rule.err))))
		return nil
	}
	return d.stop(idx, rule)
}

// stop fails idx and says that nothing may follow.
func (d *delivery) stop(idx []int32, rule ruling) error {
	d.fail(idx, rule.err)
	if rule.everybody {
		d.halt = rule.err
	}
	return rule.err
}

// sift finds out which entries of idx the answer a refuses. The rest is stored.
func (d *delivery) sift(st *stream, idx []int32, a answer, rule ruling) error {
	found := attribute(parseRefusal(a.body, a.cut), d.b, idx)
	var open []int32
	whys := map[string]error{}
	for k, i := range idx {
		switch found.fates[k] {
		case unknown:
			open = append(open, i)
		case refused:
			d.refuse(i, found.why[k], rule, whys)
		}
	}
	switch {
	case len(open) == 0:
		return nil
	case len(idx) == 1:
		d.isolated++
		d.fail(open, rule.err)
		return nil
	case len(open) < len(idx):
		d.isolated = 0
		return d.half(st, open, a, rule)
	case d.isolated >= maxIsolated:
		// Some of them may be stored. To call them failed may repeat them elsewhere; to call them delivered may lose them.
		d.fail(open, rule.err)
		return nil
	default:
		return d.halve(st, open, a, rule)
	}
}

// refuse fails entry i; whys holds the errors already made.
func (d *delivery) refuse(i int32, why string, rule ruling, whys map[string]error) {
	err := rule.err
	if why != "" {
		if err = whys[why]; err == nil {
			err = sink.Permanent(errors.New("loki: refused" + d.sink.quote(why)))
			whys[why] = err
		}
	}
	d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
}

// outcome is what Write returns.
func (d *delivery) outcome() error {
	if len(d.failures) == 0 {
		return nil
	}
	if len(d.failures) == len(d.b.Entries) && d.sameError() {
		return d.failures[0].Err
	}
	slices.SortFunc(d.failures, func(a, b sink.Failure) int { return cmp.Compare(a.Index, b.Index) })
	return &sink.PartialError{Failures: d.failures}
}

func (d *delivery) sameError() bool {
	for i := range d.failures {
		if d.failures[i].Err != d.failures[0].Err {
			return false
		}
	}
	return true
}
