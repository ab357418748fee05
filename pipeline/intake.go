package pipeline

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// An intake is the pipeline as one source sees it: its source.Receiver. It
// works in the goroutine of whoever called Send.
type intake struct {
	engine *Engine
	name   string
	ledger ledger
	share  *share
}

// NewBatch is part of source.Receiver.
func (in *intake) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&in.engine.pool, l) }

// Hasten is part of source.Receiver.
func (in *intake) Hasten() (done func()) { return in.engine.hasten() }

// Receive is part of source.Receiver: it waits for room, runs the processors
// and hands b to the routes. A batch that comes too late is not read at all.
func (in *intake) Receive(ctx context.Context, b *batch.Batch, settled func(error)) error {
	if err := in.late(ctx); err != nil {
		b.OnSettled(settled)
		b.Settle(err)
		return err
	}
	a := &account{in: in, settled: settled, entries: len(b.Entries)}
	b.OnSettled(a.settle)
	b.SetTag(a)
	in.ledger.enter(a.entries)
	in.engine.flights.add(&a.flight)
	if a.entries == 0 && len(b.Drops()) == 0 {
		b.Settle(nil)
		return nil
	}
	if err := in.admit(ctx, a, b); err != nil {
		b.Settle(err)
		return err
	}
	in.handle(ctx, a, b)
	return nil
}

// handle processes and routes b, whose memory is taken from the budget, and
// ends the caller's reference to it.
func (in *intake) handle(ctx context.Context, a *account, b *batch.Batch) {
	// A plug-in may end this goroutine with runtime.Goexit, which no recover
	// sees. The batch must meet a fate all the same, and not be read again:
	// the same would happen again.
	returned, processed := false, false
	var err error
	defer func() {
		b.Settle(nil)
		for _, d := range a.drops { // last: a hook may end the goroutine too
			in.engine.dropped("", d.Reason, d.Entries)
		}
	}()
	defer func() { // before that: a Concealer may end the goroutine here
		if !returned {
			err = lifecycle.ErrGoexit
		}
		if err != nil {
			in.failed(ctx, a, b, err, processed)
		}
	}()
	in.pass(a, b)
	if err = in.process(ctx, a, b, nil); err == nil {
		processed = true
		err = in.route(a, b)
	}
	returned = true
}

// late says why nothing more is taken in.
func (in *intake) late(ctx context.Context) error {
	if in.engine.isHard() {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// admit takes b's memory from the budget. While it waits, no route holds
// anything back.
func (in *intake) admit(ctx context.Context, a *account, b *batch.Batch) error {
	e := in.engine
	need := e.footprint(b)
	if !e.budget.tryTake(in.share, need) {
		done := e.hasten()
		err := e.budget.take(ctx, in.share, need)
		done()
		if err != nil {
			return err
		}
	}
	a.memory = need
	return nil
}

// footprint is what b costs until it settles: its own memory, and for each
// route that merges it another set of headers.
func (e *Engine) footprint(b *batch.Batch) int {
	return max(1, b.Memory()+len(b.Entries)*batch.HeaderBytes*e.merging)
}

// pass books what the source dropped from b before it sent it: read, and
// dropped.
func (in *intake) pass(a *account, b *batch.Batch) {
	for _, d := range b.TakeDrops() {
		in.ledger.enter(d.Entries)
		in.drop(a, d.Entries, in.ledger.column(d.Reason))
	}
}

// process runs the processors, or only those that are chosen. After an error b is as it
// was read.
func (in *intake) process(ctx context.Context, a *account, b *batch.Batch, only []bool) error {
	if len(in.engine.cfg.Processors) == 0 {
		return nil
	}
	defer in.grow(a, b) // also of one that failed
	added, filtered, err := in.runProcessors(ctx, b, only)
	if err != nil {
		return err
	}
	a.entries = len(b.Entries)
	in.ledger.add(added)
	for _, d := range b.TakeDrops() {
		in.drop(a, d.Entries, in.ledger.column(d.Reason))
	}
	in.drop(a, filtered, DroppedFiltered)
	return nil
}

// grow books what b takes beyond the memory it was admitted with.
func (in *intake) grow(a *account, b *batch.Batch) {
	if more := in.engine.footprint(b) - a.memory; more > 0 {
		in.engine.budget.grow(in.share, more)
		a.memory += more
	}
}

// runProcessors counts what the processors add, and what they take away without
// a reason: what they give one for is counted by b. One that fails half way
// leaves no trace.
func (in *intake) runProcessors(ctx context.Context, b *batch.Batch, only []bool) (added, filtered int, err error) {
	e := in.engine
	asRead, labels := e.headers.take(b.Entries), b.Labels
	well := false
	defer func() {
		if !well {
			b.Entries, b.Labels = append(b.Entries[:0], *asRead...), labels
		}
		e.headers.give(asRead)
	}()
	for i, p := range e.cfg.Processors {
		if only != nil && !only[i] {
			continue
		}
		before := known(b)
		if err := guard(fmt.Sprintf("Processors[%d]", i), func() error { return p.Process(ctx, b) }); err != nil {
			return 0, 0, err
		}
		added += max(0, known(b)-before)
		filtered += max(0, before-known(b))
	}
	well = true
	return added, filtered, nil
}

// known is the number of entries b has or says why it has them no more.
func known(b *batch.Batch) int {
	n := len(b.Entries)
	for _, d := range b.Drops() {
		n += d.Entries
	}
	return n
}

// drop books n entries as dropped before routing.
func (in *intake) drop(a *account, n int, reason string) {
	if n == 0 {
		return
	}
	in.ledger.leave(reason, n)
	a.drops = append(a.drops, batch.Dropped{Reason: reason, Entries: n})
}

// failed sends a batch whose processing failed to a dead letter if there is one,
// or else drops it. It is not read again: it would fail again. Unless it was processed,
// and failed behind that, the Concealers have yet to see it.
func (in *intake) failed(ctx context.Context, a *account, b *batch.Batch, err error, processed bool) {
	e := in.engine
	sent := false
	defer func() { // also if a Concealer ends the goroutine
		if !sent {
			in.drop(a, a.entries, DroppedProcessor)
			a.entries = 0
		}
	}()
	if err = sound(err); !processed {
		err = in.told(ctx, err)
	}
	e.log.logger.Error("batch failed in processing", "source", in.name, "entries", a.entries, "error", err)
	r := e.deadLetterRoute()
	if r == nil {
		return
	}
	if !processed {
		if failure := in.conceal(ctx, a, b); failure != nil {
			e.log.logger.Error("batch dropped: a Concealer failed", "source", in.name, "entries", a.entries, "error", in.told(ctx, sound(failure)))
			return
		}
	}
	if a.entries > 0 {
		b.Retain(1)
		r.enqueue([]part{{b: b, hi: len(b.Entries), size: b.Size(), each: a.memory/len(b.Entries) + 1, dead: err}})
		sent = true
	}
}

// route takes every reference b will need, and only then hands it on. After an
// error it has handed on nothing.
func (in *intake) route(a *account, b *batch.Batch) error {
	e := in.engine
	if len(b.Entries) == 0 {
		return nil // everything was filtered
	}
	hands := e.handouts.take(len(e.routes))
	defer e.handouts.give(hands)
	hand, unrouted := *hands, 0
	if err := guard("Match", func() error { unrouted = e.selectParts(b, hand); return nil }); err != nil {
		return err
	}
	in.unroute(a, unrouted)
	refs := 0
	for i, r := range e.routes {
		if r.cfg.BestEffort {
			hand[i] = r.cloneParts(hand[i])
			continue
		}
		shareOut(hand[i], a.memory)
		refs += len(hand[i])
	}
	if refs > 0 {
		b.Retain(refs)
	}
	for i, r := range e.routes {
		if len(hand[i]) > 0 {
			r.enqueue(hand[i])
		}
	}
	return nil
}

// shareOut divides the memory of a batch among the entries a route takes of it: it
// is kept for few as for all.
func shareOut(parts []part, memory int) {
	n := 0
	for i := range parts {
		n += parts[i].entries()
	}
	for i := range parts {
		parts[i].each = memory/n + 1
	}
}

// unroute books entries no route wants. They stay in the batch, unreferenced.
func (in *intake) unroute(a *account, n int) {
	a.entries -= n
	in.drop(a, n, DroppedUnrouted)
}

// deadLetterRoute is the first route with a dead letter that is not best effort:
// such a one may drop what it is given, and here that is no copy. Nil: there is
// none.
func (e *Engine) deadLetterRoute() *route {
	for _, r := range e.routes {
		if r.dead != nil && !r.cfg.BestEffort {
			return r
		}
	}
	return nil
}
