package source

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// An Outlet is where one source sends what it reads. The pipeline makes it and
// keeps it for as long as the source is configured, across failures and
// restarts of Run. Safe for concurrent use.
type Outlet struct {
	cfg OutletConfig

	mu      sync.Mutex
	streams map[string]*ledger
	helpers *lifecycle.Supervisor // of the present or the last Run
}

// OutletConfig is for those who run sources: pipelines and tests. Every field
// but Clock and Logger is required.
type OutletConfig struct {
	Name       string // of the source: the first part of its checkpoint keys, without a slash
	Receiver   Receiver
	Saver      *Saver
	Supervisor *lifecycle.Supervisor // owns the helpers
	Clock      *Clock                // shared by the outlets of a pipeline; nil: one of its own
	Logger     *slog.Logger          // nil: discard
}

// NewOutlet returns an Outlet for one source.
func NewOutlet(cfg OutletConfig) *Outlet {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = new(Clock)
	}
	return &Outlet{cfg: cfg, streams: map[string]*ledger{}, helpers: closed()}
}

// closed returns a supervisor that refuses every task.
func closed() *lifecycle.Supervisor {
	s := lifecycle.New(lifecycle.Config{})
	s.Close(context.Background()) // it has no tasks to wait for
	return s
}

// Run runs src once, joins its helpers, and returns what src returned, joined
// with the failures of helpers. A panic in src is passed on after the helpers
// have been joined. Pipelines and tests call it, from a task of the supervisor;
// never twice at once.
func (o *Outlet) Run(ctx context.Context, src Source) (err error) {
	helpers := o.cfg.Supervisor.ChildContext(ctx, o.cfg.Name)
	o.mu.Lock()
	o.helpers = helpers
	o.mu.Unlock()
	defer func() {
		// No deadline: a source has not ended until its helpers have.
		err = errors.Join(err, helpers.Close(context.Background()))
	}()
	return src.Run(helpers.Context(), o)
}

// Go starts a helper of the Run under way. Its ctx is done when that of Run is;
// Run is not over before the helper has returned. A helper that fails, by an
// error before its ctx is done or by a panic, ends the ctx of Run with that
// cause and makes Run a failure. Between runs the returned handle is done
// already, with lifecycle.ErrClosed.
func (o *Outlet) Go(name string, run func(context.Context) error) *lifecycle.Handle {
	o.mu.Lock()
	helpers := o.helpers
	o.mu.Unlock()
	return helpers.Start(lifecycle.Task{Name: name, Run: run, Essential: true})
}

// Logger returns the logger of this source. It never blocks for long: what it
// writes goes through the pipeline's bound.
func (o *Outlet) Logger() *slog.Logger { return o.cfg.Logger }

// Cursors yields every stream this source ever checkpointed and has not
// forgotten, with its cursor, in no particular order. ctx ends it early.
func (o *Outlet) Cursors(ctx context.Context) iter.Seq2[string, string] {
	return o.cfg.Saver.all(ctx, o.cfg.Name)
}

// Hasten is for a source that waits until what it has sent is delivered: until
// the returned function is called, the pipeline holds nothing back to wait for
// company.
func (o *Outlet) Hasten() (done func()) { return o.cfg.Receiver.Hasten() }

// Forget drops the cursor of a stream with the next save: what it named is gone
// for good. A handle of it that is still held becomes void; what it sent is
// delivered all the same. A stream opened by that name later begins anew.
func (o *Outlet) Forget(stream string) {
	// One step: an Open in between would go on from the cursor being dropped.
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.streams[stream]
	delete(o.streams, stream)
	if l == nil {
		o.cfg.Saver.drop(o.cfg.Name, stream)
		return
	}
	l.forget()
}

// Open returns the stream of that name, to go on from its Cursor. The name keys
// the checkpoint: it must be the same at each start of the program. The labels
// are those of entries that have none of their own.
//
// If the stream was open before, in this Run or an earlier one, the older
// handle is void, and Open waits until all that was sent through it has
// settled, and for a while longer each time in a row that it was lost. ctx
// bounds the wait; the error is its cause.
func (o *Outlet) Open(ctx context.Context, name string, l batch.Labels) (*Stream, error) {
	o.mu.Lock()
	led := o.streams[name]
	if led == nil {
		led = newLedger(o, name)
		o.streams[name] = led
	}
	o.mu.Unlock()
	gen, err := led.renew(ctx)
	if err != nil {
		return nil, err
	}
	return &Stream{ledger: led, gen: gen, labels: l}, nil
}
