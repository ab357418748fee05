package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// closing is how far Close has come. Start, and one Close at a time, hold turn;
// what they find here is what an earlier Close, whose ctx ended, has done.
type closing struct {
	turn   chan struct{}
	closed bool  // through: result is final
	result error // of Close
	steps  map[int]*step
	routes map[int]error // of closing each route's supervisor

	mu     sync.Mutex
	before map[string]int64 // undelivered by source when closing began
}

func newClosing() closing {
	return closing{turn: make(chan struct{}, 1), steps: map[int]*step{}, routes: map[int]error{}}
}

func (c *closing) enter(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *closing) leave() { <-c.turn }

// Close ends the pipeline in this order:
//
//  1. the sources are stopped; a Send that waits is let in, so that what has
//     been read is delivered;
//  2. the routes deliver what they have, without lingering;
//  3. Config.Grace before ctx's deadline, or when ctx is cancelled, running
//     Writes are cancelled and everything left is given back to its source;
//  4. every sink is closed, once;
//  5. the cursors are saved;
//  6. every goroutine is joined.
//
// It returns nil if everything that was read met its fate, every sink closed
// well and every goroutine has ended. Otherwise the error joins what was not
// delivered ([UndeliveredError]), the errors of sinks, checkpoints and tasks,
// and a [lifecycle.StuckError] if ctx ended before all goroutines had; Close
// may then be called again to go on waiting. A ctx that is cancelled, rather
// than at its deadline, is granted Config.Grace for the rest. Without a
// deadline Close waits as long as delivery takes, but for best-effort routes no
// longer than Config.CloseTimeout.
//
// Close is idempotent and legal before Start. Concurrent calls take turns and
// share the result.
func (e *Engine) Close(ctx context.Context) error {
	if err := e.closing.enter(ctx); err != nil {
		return errors.Join(e.notDelivered(), fmt.Errorf("pipeline: Close: another call of Close or Start is at work: %w", err))
	}
	defer e.closing.leave()
	return e.shutDown(ctx)
}

// shutDown is Close for who has the turn.
func (e *Engine) shutDown(ctx context.Context) error {
	if e.closing.closed {
		return e.closing.result
	}
	e.stopSources()
	e.drain(ctx)
	ctx, cancel := e.lastPhase(ctx)
	defer cancel()
	e.hardStop()
	e.wrapUp(ctx)
	joined := e.join(ctx)
	err := errors.Join(e.notDelivered(), e.stepErrors(), joined)
	var stuck *lifecycle.StuckError
	if errors.As(joined, &stuck) {
		return err
	}
	e.closing.closed, e.closing.result = true, err
	e.ended.Do(func() { close(e.done) })
	return err
}

// wrapUp joins the routes, closes the sinks and saves the cursors. Each gets
// half of the time there is, so that one that hangs leaves some for the others,
// and then what is left.
func (e *Engine) wrapUp(ctx context.Context) {
	half, cancel := halfOf(ctx)
	e.joinRoutes(half)
	cancel()
	half, cancel = halfOf(ctx)
	e.closeSinks(half)
	cancel()
	half, cancel = halfOf(ctx)
	e.lastSave(half)
	cancel()
	if e.unfinished() {
		e.joinRoutes(ctx)
		e.closeSinks(ctx)
	}
	e.lastSave(ctx) // its half may have been too short
}

func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeoutCause(ctx, time.Until(deadline)/2, context.DeadlineExceeded)
	}
	return ctx, func() {}
}

// unfinished reports whether a source, a Write or a step of Close is still
// running.
func (e *Engine) unfinished() bool {
	if len(e.alive()) > 0 {
		return true
	}
	for _, s := range e.closing.steps {
		if !s.ended() {
			return true
		}
	}
	for i := range e.routes {
		if e.closing.stuckRoute(i) {
			return true
		}
	}
	return false
}

func (c *closing) stuckRoute(i int) bool {
	var stuck *lifecycle.StuckError
	return errors.As(c.routes[i], &stuck)
}

// join ends every task. As long as a step of Close is still to come, which a
// later Close may have to repeat, it must not close the supervisor, which starts
// no task from then on. The tasks that wait for that are not stuck.
func (e *Engine) join(ctx context.Context) error {
	e.awaitSources(ctx)
	if !e.unfinished() {
		return e.sup.Close(ctx)
	}
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1) // a Buffer does not fail
	stuck := slices.DeleteFunc(e.sup.Running(), func(t lifecycle.Running) bool { return t.Stopping == 0 })
	return &lifecycle.StuckError{Running: stuck, Profile: profile.Bytes(), Cause: context.Cause(ctx)}
}

// stepErrors joins what the steps that have ended came to. Those that have not
// are in the StuckError.
func (e *Engine) stepErrors() error {
	var errs []error
	for i := range e.routes {
		if err := e.closing.routes[i]; err != nil && !e.closing.stuckRoute(i) {
			errs = append(errs, err)
		}
	}
	for i := range e.sinks {
		if err := e.closing.steps[i].result(); err != nil {
			errs = append(errs, fmt.Errorf("pipeline: closing %s: %w", e.sinks[i].name, err))
		}
	}
	errs = append(errs, e.closing.steps[saveStep].result())
	return errors.Join(errs...)
}

// stopSources lets in what waits, and nothing after it.
func (e *Engine) stopSources() {
	e.mu.Lock()
	e.state = stopping
	e.mu.Unlock()
	e.closing.remember(e)
	for _, f := range e.feedsByName() {
		e.budget.lift(f.in.share)
		f.task.Stop()
	}
}

// remember notes the ledger's state when closing began.
func (c *closing) remember(e *Engine) {
	now := map[string]int64{}
	for name, f := range e.feedsByName() {
		now[name] = f.in.ledger.snapshot().undelivered
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.before == nil {
		c.before = now
	}
}

// undelivered counts by source what has been given back since closing began,
// and what is in flight still.
func (c *closing) undelivered(e *Engine) map[string]int64 {
	c.mu.Lock()
	before := c.before
	c.mu.Unlock()
	left := map[string]int64{}
	for name, f := range e.feedsByName() {
		t := f.in.ledger.snapshot()
		if n := t.undelivered - before[name] + t.inFlight; n > 0 {
			left[name] = n
		}
	}
	return left
}

func (e *Engine) notDelivered() error {
	left := e.closing.undelivered(e)
	if len(left) == 0 {
		return nil
	}
	return &UndeliveredError{Sources: left}
}

// drain waits until everything has been delivered, but leaves Grace of ctx's
// time. A source that does not stop prolongs the wait and delays no delivery.
func (e *Engine) drain(ctx context.Context) {
	if e.isHard() {
		return
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left-min(e.cfg.Grace, left/4))
		defer cancel()
	}
	done := e.hasten()
	defer done()
	e.awaitSources(ctx)
	if _, err := e.flights.wait(ctx); err != nil {
		return
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.CloseTimeout)
		defer cancel()
	}
	e.copies.wait(ctx) // best effort: what is left then is given up
}

// awaitSources waits until no source runs.
func (e *Engine) awaitSources(ctx context.Context) {
	for _, f := range e.feedsByName() {
		select {
		case <-f.task.Done():
		case <-ctx.Done():
			return
		}
	}
}

// lastPhase bounds what comes after the drain: by ctx, or by Grace if ctx was
// cancelled before its time.
func (e *Engine) lastPhase(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	until := time.Now().Add(e.cfg.Grace)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	return context.WithDeadlineCause(context.WithoutCancel(ctx), until, context.Cause(ctx))
}

// hardStop cancels Writes and makes the routes give back what they have.
func (e *Engine) hardStop() {
	if e.isHard() {
		return
	}
	close(e.hard)
	e.cancel(errNotDelivered)
	e.budget.close()
	for _, r := range e.routes {
		r.nudge()
	}
}

// joinRoutes waits until no Write runs. Which do not end is known from the
// routes' supervisors.
func (e *Engine) joinRoutes(ctx context.Context) {
	for i, r := range e.routes {
		if r.sup == nil {
			continue
		}
		// An owner that is about to be run again must be: there would be
		// nobody to give back what it has.
		select {
		case <-r.owner.Done():
		case <-ctx.Done():
		}
		e.closing.routes[i] = r.sup.Close(ctx)
	}
}

// closeSinks closes every sink that was opened and that no Write is running in.
func (e *Engine) closeSinks(ctx context.Context) {
	for i, s := range e.sinks[:e.opened] {
		if !e.writingTo(s.Sink) {
			e.step(i, "close "+s.name, func() error { return s.Close(ctx) })
		}
	}
	for i := range e.sinks {
		e.closing.steps[i].await(ctx)
	}
}

func (e *Engine) writingTo(s sink.Sink) bool {
	for i, r := range e.routes {
		if e.closing.stuckRoute(i) && (same(r.sink, s) || r.dead != nil && same(r.dead, s)) {
			return true
		}
	}
	return false
}

// saveStep is the key of the step that saves the cursors; sinks have numbers.
const saveStep = -1

// lastSave saves the cursors once everything has settled, and again if it
// failed, or if a Write that was stuck has settled more since.
func (e *Engine) lastSave(ctx context.Context) {
	if e.saver == nil {
		return
	}
	// One whose ctx has ended is about to return.
	e.closing.steps[saveStep].await(ctx)
	if s := e.closing.steps[saveStep]; s != nil && s.ended() && e.saveAgain(ctx, s.err) {
		delete(e.closing.steps, saveStep)
	}
	e.step(saveStep, "save cursors", func() error { return e.saver.Save(ctx) })
	e.closing.steps[saveStep].await(ctx)
}

// saveAgain reports whether there is more to save than the last Save did, which
// returned err. Without time left a failure stays what it was.
func (e *Engine) saveAgain(ctx context.Context, err error) bool {
	if err != nil {
		return ctx.Err() == nil
	}
	return e.saver.Unsaved() > 0
}
