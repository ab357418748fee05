package slogsource

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// newSource returns a source that nobody runs yet.
func newSource(t testing.TB, cfg Config) *Source {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// entries returns what waits in src, as it would be sent.
func entries(src *Source) []batch.Entry {
	c := &courier{src: src}
	var labels func(slog.Level) batch.Labels
	if src.cfg.LevelLabel {
		labels = c.labels
	}
	b := batch.New(nil, src.cfg.Labels)
	for k := src.queue.take(); k != nil; k = src.queue.take() {
		unpack(b, k.data, labels)
		src.queue.release(k, true)
	}
	var all []batch.Entry
	for i := range b.Entries {
		all = append(all, b.Entries[i].Clone())
	}
	return all
}

// show is an entry in one line: its line and its attributes.
func show(e batch.Entry) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s", e.Line)
	for _, a := range e.Attrs {
		fmt.Fprintf(&s, " %s=%s", a.Key, a.Value)
	}
	return s.String()
}

// A store is a sink that keeps what it takes, and refuses while refusal is set.
type store struct {
	mu      sync.Mutex
	refusal error
	got     []batch.Entry
	writes  int
	changed chan struct{} // gets one for each Write, if there is room
}

func newStore() *store { return &store{changed: make(chan struct{}, 1)} }

func (s *store) Write(_ context.Context, b *batch.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	select {
	case s.changed <- struct{}{}:
	default:
	}
	if s.refusal != nil {
		return s.refusal
	}
	for i := range b.Entries {
		e := b.Entries[i].Clone()
		e.Labels = b.LabelsOf(i)
		s.got = append(s.got, e)
	}
	return nil
}

func (*store) Close(context.Context) error { return nil }

func (s *store) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

func (s *store) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.got {
		all = append(all, string(e.Line))
	}
	return all
}

// engine returns a pipeline from src to s, not started.
func engine(t testing.TB, src source.Source, s sink.Sink, logger *slog.Logger) *pipeline.Engine {
	t.Helper()
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": src},
		Routes:  []pipeline.Route{{Name: "out", Sink: s}},
		Logger:  logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// started is engine, started, to be closed by the test.
func started(t testing.TB, src source.Source, s sink.Sink, logger *slog.Logger) *pipeline.Engine {
	t.Helper()
	p := engine(t, src, s, logger)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}
