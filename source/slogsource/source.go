package slogsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/logferry/logferry/source"
)

// A Source takes the records of its Handler and hands them to the pipeline that
// runs it. All methods may be called concurrently; Run by one pipeline at a time.
type Source struct {
	cfg    Config
	root   *handler
	queue  *queue
	drafts sync.Pool // of *draft
}

// New returns a Source for cfg, or an error that joins one for every field that
// is wrong. What its Handler takes waits until a pipeline runs the source.
func New(cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, queue: newQueue(cfg.BufferBytes)}
	s.drafts.New = func() any { return new(draft) }
	s.root = &handler{src: s, lines: newPrinter(&cfg)}
	return s, nil
}

// Handler returns the handler, always the same. It is for slog.New, or for
// slog.NewMultiHandler beside the host's own. Its Handle takes no longer than it
// takes to copy the record, and up to Config.MaxWait more if the buffer is full;
// the ctx of a log call does not shorten that. The error is [ErrFull] or
// [ErrStopped] if the record was dropped, which slog.Logger conceals: Stats
// counts such records.
func (s *Source) Handler() slog.Handler { return s.root }

// Flush returns nil once every record that was taken before it has been handed to
// the pipeline, or dropped and counted. The pipeline's own Flush, called after
// that, waits until they are delivered. ctx bounds the wait; the error is its
// cause.
func (s *Source) Flush(ctx context.Context) error {
	n := s.queue.mark()
	for {
		done, changed := s.queue.since(n)
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("slogsource: Flush: %w", context.Cause(ctx))
		}
	}
}

// draft returns a draft with whatever was in it.
func (s *Source) draft() *draft { return s.drafts.Get().(*draft) }

// keep takes back what draft returned.
func (s *Source) keep(d *draft) {
	if cap(d.buf)+cap(d.word) <= maxScratch {
		s.drafts.Put(d)
	}
}

var errRunning = errors.New("slogsource: Run: a pipeline runs this source already")

// Run is part of source.Source.
func (s *Source) Run(ctx context.Context, out *source.Outlet) error {
	if !s.queue.begin() {
		return errRunning
	}
	defer s.queue.end()
	lasting, stop := out.Lasting(ctx)
	defer stop()
	c := &courier{src: s, out: out}
	defer c.leave()
	for c.deliver(ctx, lasting) && c.rest(ctx) {
	}
	s.queue.stop()
	c.last(lasting)
	return nil
}
