package lokiclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A Sink pushes to Loki with one client of loki-client-go. New makes one. Start is called before the first Write, by a
// pipeline or else by who writes; then all methods may be called concurrently.
type Sink struct {
	cfg      Config
	external model.LabelSet
	parcels  chan *parcel

	mu     sync.Mutex
	task   *lifecycle.Handle // nil before Start
	closed bool
}

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Starter = (*Sink)(nil)
)

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("lokiclient: sink is closed")

var errNotStarted = errors.New("lokiclient: Write before Start")

// New checks cfg and returns a Sink that has not started anything. The error joins one for every field that makes no sense;
// files that the client is told of are read by Start's task.
func New(cfg Config) (*Sink, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Sink{
		cfg:      cfg,
		external: cfg.Client.ExternalLabels.LabelSet.Clone(),
		parcels:  make(chan *parcel),
	}, nil
}

// Start starts the task that the client lives in, below sup. The client's own goroutine ends with it. The task fails, and is
// restarted with growing intervals, if the client cannot be made, from files that are not there for instance; what is
// written meanwhile waits.
func (s *Sink) Start(_ context.Context, sup *lifecycle.Supervisor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.task != nil {
		return errors.New("lokiclient: Start twice")
	}
	s.task = sup.Start(lifecycle.Task{
		Name:    "loki-client-go",
		Run:     s.drive,
		Restart: lifecycle.Restart{Min: time.Second, Max: time.Minute},
	})
	return s.task.Err()
}

// Write pushes the entries of b and returns when the client has sent or given up each of them, or ctx is done. Entries that
// it gave up are listed in a *sink.PartialError. One Write is under way at a time. When ctx ends, lines that the client has
// been handed may still be sent, at most for as long as its Timeout and another; the next Write waits for that.
func (s *Sink) Write(ctx context.Context, b *batch.Batch) error {
	task, err := s.begun()
	if err != nil || len(b.Entries) == 0 {
		return err
	}
	p := pack(ctx, b, s.external)
	select {
	case s.parcels <- p:
	case <-ctx.Done():
		return fmt.Errorf("lokiclient: waiting for the client: %w", ctx.Err())
	case <-task.Done():
		return errors.Join(ErrClosed, task.Err())
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("lokiclient: waiting for an answer: %w", ctx.Err())
	case <-task.Done():
		return finished(p, task)
	}
}

// finished is what became of p when the task has ended, at the same time perhaps.
func finished(p *parcel, task *lifecycle.Handle) error {
	select {
	case err := <-p.done:
		return err
	default:
		return errors.Join(ErrClosed, task.Err())
	}
}

func (s *Sink) begun() (*lifecycle.Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.task == nil:
		return nil, errNotStarted
	}
	return s.task, nil
}

// Close stops the client and waits for it to end, or for ctx: the error then says so, and the task goes on to show among
// those of its supervisor. A Write under way goes on for as long as its own ctx lets it. Then the client ends when its request
// is through, and another one of what it holds, each within its Timeout. Its connection stays open: see the package
// documentation.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	task := s.task
	s.mu.Unlock()
	if task == nil {
		return nil
	}
	task.Stop()
	if err := task.Wait(ctx); err != nil {
		return fmt.Errorf("lokiclient: the client has not stopped: %w", err)
	}
	return nil
}
