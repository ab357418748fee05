package sinktest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// memory is a Sink that keeps the contract, with a place to break it.
type memory struct {
	mu   sync.Mutex
	held []batch.Entry
	down error         // what Writes return
	hang chan struct{} // Writes wait for it to be closed

	// flaw, if set, takes the place of Write.
	flaw    func(ctx context.Context, m *memory, b *batch.Batch) error
	onClose func(ctx context.Context, m *memory) error
}

func (m *memory) Write(ctx context.Context, b *batch.Batch) error {
	if m.flaw != nil {
		return m.flaw(ctx, m, b)
	}
	return m.write(ctx, b)
}

func (m *memory) write(ctx context.Context, b *batch.Batch) error {
	if err := m.reach(ctx); err != nil {
		return err
	}
	for i := range b.Entries {
		m.keep(b, i)
	}
	return nil
}

// reach is the way to the destination.
func (m *memory) reach(ctx context.Context) error {
	m.mu.Lock()
	down, hang := m.down, m.hang
	m.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return down
}

// keep stores entry i as it is to be.
func (m *memory) keep(b *batch.Batch, i int) {
	e := b.Entries[i].Clone()
	e.Labels = b.LabelsOf(i)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = append(m.held, e)
}

func (m *memory) Close(ctx context.Context) error {
	if m.onClose != nil {
		return m.onClose(ctx, m)
	}
	return nil
}

func (m *memory) delivered() []batch.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.held)
}

var errDown = errors.New("destination is down")

func (m *memory) breakDown() (repair func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = errDown
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.down = nil
	}
}

func (m *memory) stall() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hang := make(chan struct{})
	m.hang = hang
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.hang = nil
		close(hang)
	}
}

func (m *memory) target(s sink.Sink) Target {
	return Target{Sink: s, Delivered: m.delivered, Break: m.breakDown, Stall: m.stall}
}

func TestRun(t *testing.T) {
	t.Run("all hooks", func(t *testing.T) {
		Run(t, func(testing.TB) Target {
			m := &memory{}
			return m.target(m)
		})
	})
	t.Run("no hooks", func(t *testing.T) {
		Run(t, func(testing.TB) Target { return Target{Sink: sink.Discard()} })
	})
	t.Run("a destination that changes entries", func(t *testing.T) {
		Run(t, func(testing.TB) Target {
			m := &memory{}
			lower := sink.Func(func(ctx context.Context, b *batch.Batch) error {
				if err := m.reach(ctx); err != nil {
					return err
				}
				c := batch.New(nil, b.Labels)
				for _, e := range b.Entries {
					c.Append(e.Time, slices.Concat([]byte("> "), e.Line))
					c.Entries[len(c.Entries)-1].Labels = e.Labels
				}
				return m.write(ctx, c)
			})
			target := m.target(lower)
			target.Stored = func(e *batch.Entry) {
				e.Line = slices.Concat([]byte("> "), e.Line)
				e.Attrs = nil
			}
			return target
		})
	})
	t.Run("one that refuses what is hostile", func(t *testing.T) {
		Run(t, func(testing.TB) Target {
			m := &memory{flaw: refuseOddLines}
			return m.target(m)
		})
	})
	t.Run("one that asks for retries", func(t *testing.T) {
		Run(t, func(testing.TB) Target {
			m := &memory{flaw: takeThree}
			return m.target(m)
		})
	})
}

// refuseOddLines takes plain ASCII of less than 1 MB only.
func refuseOddLines(ctx context.Context, m *memory, b *batch.Batch) error {
	if err := m.reach(ctx); err != nil {
		return err
	}
	var p sink.PartialError
	for i, e := range b.Entries {
		if len(e.Line) > 1_000_000 || slices.ContainsFunc(e.Line, func(c byte) bool { return c < ' ' || c > '~' }) {
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("odd"))})
			continue
		}
		m.keep(b, i)
	}
	if len(p.Failures) > 0 {
		return &p
	}
	return nil
}

// takeThree takes the first three entries of a batch.
func takeThree(ctx context.Context, m *memory, b *batch.Batch) error {
	if err := m.reach(ctx); err != nil {
		return err
	}
	var p sink.PartialError
	for i := range b.Entries {
		if i < 3 {
			m.keep(b, i)
		} else {
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.RetryAfter(errors.New("busy"), 0)})
		}
	}
	if len(p.Failures) > 0 {
		return &p
	}
	return nil
}
