package loki

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	w    draft

	// What sort makes, and its memory.
	parcels []parcel
	idx     []int32
	of      map[batch.Labels]int
	counts  []int
	sent    []sentTime

	next     builder // the request that is being made
	failures []sink.Failure
	resends  int
	isolated int  // entries refused one by one since the last request of which something was stored
	limited  bool // a rate limit has refused something, and that has been noted

	// Why nothing more is sent, and why nothing more is sent for some tenants and of some streams.
	halt  error
	halts map[string]error
	stops map[*stream]error
}

// maxKeptStreams is for how many sets of labels in a batch the memory is kept.
const maxKeptStreams = 1000

// reset forgets everything but memory. The failures belong to the error that was returned.
func (d *delivery) reset() {
	clear(d.parcels)
	clear(d.next.parts)
	clean := delivery{sink: d.sink, idx: d.idx, sent: d.sent, next: builder{parts: d.next.parts[:0]}}
	if len(d.of) <= maxKeptStreams {
		clear(d.of)
		clean.parcels, clean.of, clean.counts = d.parcels[:0], d.of, d.counts[:0]
	}
	*d = clean
}

func (d *delivery) write(ctx context.Context, b *batch.Batch) error {
	d.ctx, d.w = ctx, draft{b: b, bare: d.sink.cfg.DropAttrs, utf8: d.sink.cfg.EncodeJSON}
	d.sort()
	if d.mayShare() {
		d.deliverShared()
	} else {
		for k := range d.parcels {
			d.deliver(&d.parcels[k], d.parcels[k].idx)
		}
	}
	d.flush()
	if d.sink.cfg.Times.changes() {
		d.remember()
	}
	return d.outcome()
}

// deliver puts the entries idx of p into requests of their own, or together with their neighbours.
func (d *delivery) deliver(p *parcel, idx []int32) {
	alone := !d.sink.cfg.Packed || d.risky(p, idx)
	if alone || !d.next.takes(p.m.tenant) {
		d.flush()
	}
	for len(idx) > 0 {
		if err := d.stopped(p); err != nil {
			d.fail(idx, err)
			return
		}
		limit := d.sink.ceiling.request(d.sink.cfg.MaxRequest, time.Now())
		if alone {
			limit = p.m.stream.limits.request(limit)
		}
		n := d.sink.add(&d.next, p, &d.w, d.near(p, idx), limit)
		if idx = idx[n:]; alone || len(idx) > 0 {
			d.flush()
		}
	}
}

// flush sends the request that is being made, if there is one.
func (d *delivery) flush() {
	parts := d.next.parts
	if len(parts) == 0 {
		return
	}
	r := d.sink.finish(&d.next)
	if len(parts) == 1 {
		d.single(parts[0], r)
	} else {
		d.packed(parts, r)
	}
	d.next.parts = parts[:0]
}

// single sends a request of one part.
func (d *delivery) single(part part, r request) {
	if !d.sink.cfg.Packed { // else risky has done so
		part.of.m.stream.pace.add(r.raw, time.Now())
	}
	d.end(part.of, d.push(part.of, part.idx, r))
}

// end notes why nothing more of p's stream, which other parcels may have in common with it, is sent; nil: no reason.
func (d *delivery) end(p *parcel, err error) {
	if err == nil {
		return
	}
	if d.stops == nil {
		d.stops = make(map[*stream]error)
	}
	d.stops[p.m.stream] = err
}

// stopped returns why nothing more of p is sent.
func (d *delivery) stopped(p *parcel) error {
	if d.halt != nil {
		return d.halt
	}
	if err := d.stops[p.m.stream]; err != nil {
		return err
	}
	return d.halts[p.m.tenant]
}

// stored notes that the entries idx of p are stored.
func (d *delivery) stored(p *parcel, idx []int32) {
	p.m.stream.clock.stored(&d.w, idx)
	d.sink.stats.stored(p.m, &d.w, idx)
}

func (d *delivery) fail(idx []int32, err error) {
	d.failures = slices.Grow(d.failures, len(idx))
	for _, i := range idx {
		d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
	}
}

// ask sends r.
func (d *delivery) ask(r request) (answer, ruling) {
	a := d.sink.exchange(d.ctx, r)
	rule := d.sink.rule(a)
	d.sink.noteHealth(rule)
	return a, rule
}

// push sends r, which holds the entries idx of p, and sees to it that each of them is delivered or has failed. An error
// means that the stream cannot go on: nothing that follows may be sent.
func (d *delivery) push(p *parcel, idx []int32, r request) error {
	a, rule := d.ask(r)
	switch rule.verdict {
	case stored:
		d.accept(p, idx)
		return nil
	case someRefused:
		p.m.stream.limits.accepted()
		return d.sift(p, idx, a, rule)
	case allRefused:
		d.fail(idx, rule.err)
		return nil
	case tooLarge:
		if len(idx) > 1 {
			d.sink.ceiling.refused(a.request, d.sink.cfg.MaxRequest, time.Now())
			return d.halve(p, idx, a, rule)
		}
		d.fail(idx, rule.err)
		return nil
	case limited:
		return d.wait(p, idx, a, rule)
	default:
		return d.stop(p, idx, rule)
	}
}

// accept is for entries that are stored.
func (d *delivery) accept(p *parcel, idx []int32) {
	d.isolated = 0
	p.m.stream.limits.accepted()
	d.stored(p, idx)
}

// again is push of entries that a had been the answer for, among others.
func (d *delivery) again(p *parcel, idx []int32, a answer) error {
	d.resends++
	return d.repeat(p, idx, a)
}

func (d *delivery) repeat(p *parcel, idx []int32, a answer) error {
	// They fitted into a.request bytes together with the others.
	_, err := d.resend(p, idx, a.request)
	return err
}

// resend is push of as many of idx as fit into limit bytes, and returns their number.
func (d *delivery) resend(p *parcel, idx []int32, limit int) (n int, err error) {
	d.sink.stats.resending.Add(1)
	var r builder
	n = d.sink.add(&r, p, &d.w, idx, limit)
	return n, d.push(p, idx[:n], d.sink.finish(&r))
}

// halve sends the two halves of idx, one after the other.
func (d *delivery) halve(p *parcel, idx []int32, a answer, rule ruling) error {
	mid := len(idx) / 2
	if err := d.half(p, idx[:mid], a, rule); err != nil {
		d.fail(idx[mid:], err)
		return err
	}
	return d.half(p, idx[mid:], a, rule)
}

func (d *delivery) half(p *parcel, idx []int32, a answer, rule ruling) error {
	if err := d.spent(rule); err != nil {
		d.fail(idx, err)
		return err
	}
	return d.again(p, idx, a)
}

// spent returns nil while something may be sent again, else the error of entries that are left to the next Write.
func (d *delivery) spent(rule ruling) error {
	switch {
	case d.resends < maxResends:
		return nil
	case rule.verdict == tooLarge:
		return sink.TooLarge(fmt.Errorf("loki: %d requests were not enough: %v", maxResends, rule.err))
	case sink.IsPermanent(rule.err):
		return fmt.Errorf("loki: %d requests were not enough: %v", maxResends, rule.err)
	}
	return rule.err
}

// wait leaves entries to a later Write, or makes the request smaller if waiting will not do.
func (d *delivery) wait(p *parcel, idx []int32, a answer, rule ruling) error {
	if !d.limited {
		d.limited = true
		p.m.stream.limits.refused()
	}
	switch {
	case rule.burst && len(idx) > 1 && d.resends < maxResends:
		return d.halve(p, idx, a, rule)
	case rule.burst && len(idx) == 1 && p.m.stream.limits.exhausted():
		// It is larger than what the limit allows in a second, and has been refused in many Writes.
		d.fail(idx, sink.Permanent(fmt.Errorf("%w (gave up)", errors.Unwrap(rule.err))))
		return nil
	}
	return d.stop(p, idx, rule)
}

// stop fails idx and says that nothing may follow, for whom the ruling concerns.
func (d *delivery) stop(p *parcel, idx []int32, rule ruling) error {
	d.fail(idx, rule.err)
	switch rule.scope {
	case everybody:
		d.halt = rule.err
	case wholeTenant:
		if d.halts == nil {
			d.halts = make(map[string]error)
		}
		d.halts[p.m.tenant] = rule.err
	}
	return rule.err
}

// sift finds out which entries of idx the answer a refuses. The rest is stored.
func (d *delivery) sift(p *parcel, idx []int32, a answer, rule ruling) error {
	found := attribute(parseRefusal(a.body, a.cut), p.m, &d.w, idx)
	var open, again []int32
	whys := map[string]error{}
	for k := range idx {
		switch f := found.fates[k]; {
		case f == unknown:
			open = append(open, idx[k])
		case f == accepted:
			d.stored(p, idx[k:k+1])
		case d.clamps(f, idx[k], found.oldest):
			again = append(again, idx[k])
		default:
			d.fail(idx[k:k+1], d.reason(found.why[k], rule, whys))
		}
	}
	if err := d.clamped(p, again, found.oldest, rule); err != nil {
		d.fail(open, err)
		return err
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
		return d.half(p, open, a, rule)
	case d.isolated >= maxIsolated:
		// Some of them may be stored. To call them failed may repeat them elsewhere; to call them delivered may lose them.
		d.fail(open, rule.err)
		return nil
	default:
		return d.halve(p, open, a, rule)
	}
}

// reason returns the error of an entry that is refused; whys holds those already made.
func (d *delivery) reason(why string, rule ruling, whys map[string]error) error {
	if why == "" {
		return rule.err
	}
	err := whys[why]
	if err == nil {
		err = sink.Permanent(errors.New("loki: refused" + d.sink.quote(why, false)))
		whys[why] = err
	}
	return err
}

// outcome is what Write returns.
func (d *delivery) outcome() error {
	if len(d.failures) == 0 {
		return nil
	}
	if len(d.failures) == len(d.w.b.Entries) && d.sameError() {
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
