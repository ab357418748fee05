package pipeline

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/origin"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// An Engine is a [Pipeline]. All methods may be called concurrently, Close at
// any time.
type Engine struct {
	cfg      Config
	conceals []bool // which of its Processors do
	pool     batch.Pool
	headers  snapshots
	handouts handouts
	budget   *budget
	flights  flights // source batches
	copies   flights // what best-effort routes hold
	routes   []*route
	sinks    []namedSink // each once
	opened   int         // how many of them Start has got through
	clock    source.Clock
	log      *journal

	merging   int  // routes that merge headers of source batches
	someMatch bool // a route has a Match
	allMatch  bool // every route has one

	sup     *lifecycle.Supervisor
	reading *lifecycle.Supervisor // the sources
	writing context.Context       // of every Write; cancelled at the hard stop
	cancel  context.CancelCauseFunc
	hard    chan struct{} // closed at the hard stop
	done    chan struct{} // see Done
	ended   sync.Once     // closes done
	haste   atomic.Int32  // how many wait for what is in flight
	saver   *source.Saver
	saving  saveStatus
	closing closing

	mu      sync.Mutex
	state   state
	sources map[string]*feed
	changed chan struct{} // closed and renewed when sources come or go
}

type state int

const (
	idle state = iota
	running
	stopping
)

// maxKeep is the largest piece of memory that is used again: the headers of a
// merged batch of 50,000 entries, the most that batch.NewAdaptive makes unless it
// is told otherwise, take 5 MiB.
const maxKeep = 6 << 20

// New returns an Engine for cfg, or an error that joins one for every field
// that is wrong. It starts nothing and opens nothing; an Engine that was never
// started need not be closed.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	groupings, errs := cfg.askSinks()
	conceals, refused := cfg.askProcessors()
	if err := errors.Join(append(append(errs, refused...), cfg.validate()...)...); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:      cfg,
		conceals: conceals,
		pool:     batch.Pool{MaxKeep: maxKeep},
		budget:   newBudget(cfg.MaxInFlightBytes),
		log:      newJournal(cfg.Logger),
		allMatch: true,
		hard:     make(chan struct{}),
		done:     make(chan struct{}),
		sources:  map[string]*feed{},
		changed:  make(chan struct{}),
		closing:  newClosing(),
	}
	// What the pipeline runs, sinks with tasks of their own included, logs as the pipeline.
	own := origin.Mark(context.Background())
	e.sup = lifecycle.New(lifecycle.Config{Name: "pipeline", OnEvent: e.onTask, Values: own})
	e.writing, e.cancel = context.WithCancelCause(own)
	for i, r := range cfg.Routes {
		e.addRoute(newRoute(e, r, groupings[i]))
	}
	return e, nil
}

func (e *Engine) addRoute(r *route) {
	e.routes = append(e.routes, r)
	if !r.cfg.BestEffort {
		e.merging++
	}
	if r.cfg.Match == nil {
		e.allMatch = false
	} else {
		e.someMatch = true
	}
	e.addSink(r.sink, "sink of route "+r.cfg.Name)
	if r.dead != nil {
		e.addSink(r.dead, "dead letter of route "+r.cfg.Name)
	}
}

// A namedSink is a sink by the first place it has in the configuration.
type namedSink struct {
	sink.Sink
	name string
}

// addSink lists s once, however many routes share it. Routes that retry it
// differently do share it: s is without its sink.Retry.
func (e *Engine) addSink(s sink.Sink, name string) {
	for _, o := range e.sinks {
		if same(o.Sink, s) {
			return
		}
	}
	e.sinks = append(e.sinks, namedSink{s, name})
}

// Start reads the checkpoints, starts the sinks that need tasks, the routes,
// and then the sources. ctx bounds that; what has started goes on until Close.
// After an error everything that had started has been stopped, as far as ctx
// allowed, and the Engine is closed. Of a decorated sink, what had started is
// closed by itself, and what had not is not closed. A Close during Start waits for its end.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.closing.enter(ctx); err != nil {
		return fmt.Errorf("pipeline: Start: %w", err)
	}
	defer e.closing.leave()
	if err := e.leaveIdle(); err != nil {
		return err
	}
	if err := e.startUp(ctx); err != nil {
		return errors.Join(err, e.shutDown(ctx))
	}
	return nil
}

func (e *Engine) leaveIdle() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.state {
	case idle:
		e.state = running
		return nil
	case stopping:
		return ErrClosed
	default:
		return errors.New("pipeline: Start: already started")
	}
}

func (e *Engine) startUp(ctx context.Context) error {
	var saver *source.Saver
	err := guard("Checkpoints", func() (err error) {
		saver, err = source.NewSaver(ctx, e.cfg.Checkpoints)
		return err
	})
	if err != nil {
		return fmt.Errorf("pipeline: Checkpoints: %w", err)
	}
	e.mu.Lock()
	e.saver = saver
	e.mu.Unlock()
	e.sup.Start(lifecycle.Task{Name: "log", Run: e.log.run, Restart: lifecycle.Restart{Min: time.Second}})
	e.reportRecovery()
	if err := e.startProcessors(ctx); err != nil {
		return err
	}
	if err := e.startSinks(ctx); err != nil {
		return err
	}
	routes := e.sup.Child("routes")
	for _, r := range e.routes {
		r.start(routes.Child(r.cfg.Name))
	}
	e.sup.Start(lifecycle.Task{Name: "checkpoints", Run: e.saveCursors, Restart: lifecycle.Restart{Min: e.cfg.CheckpointEvery}})
	e.mu.Lock()
	e.reading = e.sup.Child("sources")
	e.mu.Unlock()
	// All shares are taken before the first source can fill the budget.
	feeds := map[string]*feed{}
	for name := range e.cfg.Sources {
		feeds[name] = e.newFeed(name)
		e.budget.join(feeds[name].in.share)
	}
	for name, s := range e.cfg.Sources {
		if err := e.add(name, s, feeds[name]); err != nil {
			return err
		}
	}
	e.sup.Go("watch", e.watch)
	return nil
}

// startProcessors calls Start of every processor that has one.
func (e *Engine) startProcessors(ctx context.Context) error {
	processors := e.sup.Child("processors")
	for i, p := range e.cfg.Processors {
		st, ok := p.(sink.Starter)
		if !ok {
			continue
		}
		if err := guard("processor", func() error { return st.Start(ctx, processors) }); err != nil {
			return fmt.Errorf("pipeline: starting Processors[%d]: %w", i, err)
		}
	}
	return nil
}

// startSinks calls Start of every sink that has one, decorated or not: first of
// what is within, which the one around it may write to as soon as it starts.
func (e *Engine) startSinks(ctx context.Context) error {
	sinks := e.sup.Child("sinks")
	var started []sink.Starter
	for i, s := range e.sinks {
		before := len(started)
		for _, st := range sink.Starters(s.Sink) {
			if slices.ContainsFunc(started, func(o sink.Starter) bool { return same(o, st) }) {
				continue
			}
			if err := guard("sink", func() error { return st.Start(ctx, sinks) }); err != nil {
				e.openedHalf(i, started[before:])
				return fmt.Errorf("pipeline: starting %s: %w", s.name, err)
			}
			started = append(started, st)
		}
		e.opened = i + 1
	}
	return nil
}

// openedHalf puts what has started of sink i in its place, for Close: closing
// all of it would close what has not started too.
func (e *Engine) openedHalf(i int, started []sink.Starter) {
	name := e.sinks[i].name
	e.sinks = e.sinks[:i]
	for _, st := range slices.Backward(started) {
		s, ok := st.(sink.Sink)
		within := slices.ContainsFunc(e.sinks[i:], func(outer namedSink) bool { return wraps(outer.Sink, s) })
		if ok && !within { // else the outer one closes it
			e.sinks = append(e.sinks, namedSink{s, name})
		}
	}
	e.opened = len(e.sinks)
}

// wraps reports whether inner is outer or among what that writes through.
func wraps(outer, inner sink.Sink) bool {
	for s := range sink.All[sink.Sink](outer) {
		if same(s, inner) {
			return true
		}
	}
	return false
}

// same compares two plug-ins, whose types need not be comparable.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Done is closed when every source has ended by itself and all it read has
// settled, or when Close is through. A pipeline without sources is not done:
// one may be added.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Run starts the pipeline, waits until ctx is done or the sources have ended,
// and closes it within Config.CloseTimeout. It returns the errors of Start and
// Close; the end of ctx after Start is not one. It suits errgroup, oklog/run and suture.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-e.done:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.CloseTimeout)
	defer cancel()
	return e.Close(ctx)
}

// Flush returns nil once every batch whose Send was called before it has
// settled well: delivered by every route that is not best effort, or
// dead-lettered, or dropped and counted. While it waits nothing lingers. ctx
// bounds the wait; the error is its cause, or ErrClosed if the pipeline stopped
// before delivery. A batch whose Send gave up waiting is an error too: its
// source reads it again.
func (e *Engine) Flush(ctx context.Context) error {
	done := e.hasten()
	defer done()
	lost, err := e.flights.wait(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("pipeline: Flush: %w", err)
	case lost && e.isHard():
		return fmt.Errorf("pipeline: Flush: %w", ErrClosed)
	case lost:
		return errors.New("pipeline: Flush: a Send gave up waiting; its source reads the batch again")
	}
	return nil
}

// hasten makes every route cut what it has at once, until done is called.
func (e *Engine) hasten() (done func()) {
	e.haste.Add(1)
	for _, r := range e.routes {
		r.nudge()
	}
	return func() { e.haste.Add(-1) }
}

func (e *Engine) hurried() bool { return e.haste.Load() > 0 }

func (e *Engine) isHard() bool {
	select {
	case <-e.hard:
		return true
	default:
		return false
	}
}

// cursors returns the Saver, nil before Start.
func (e *Engine) cursors() *source.Saver {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.saver
}
