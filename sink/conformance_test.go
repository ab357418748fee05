package sink_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/sinktest"
)

// A disk is an io.Writer that can be full, and is read back.
type disk struct {
	mu   sync.Mutex
	text []byte
	full bool
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		n := min(len(p)/3, 100)
		d.text = append(d.text, p[:n]...)
		return n, errors.New("no space left")
	}
	d.text = append(d.text, p...)
	return len(p), nil
}

func (d *disk) fill() (repair func()) {
	set := func(full bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.full = full
	}
	set(true)
	return func() { set(false) }
}

const recordEnd = "\xc0\n" // in no line of the kit

func (d *disk) entries() (list []batch.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := bytes.Clone(d.text)
	for len(text) > 0 {
		line, rest, ok := bytes.Cut(text, []byte(recordEnd))
		if !ok {
			break
		}
		list = append(list, batch.Entry{Line: line})
		text = rest
	}
	return list
}

func TestConformanceWriter(t *testing.T) {
	sinktest.Run(t, func(testing.TB) sinktest.Target {
		d := &disk{}
		s := sink.WriterFunc(d, func(dst []byte, e *batch.Entry) []byte {
			return append(append(dst, e.Line...), recordEnd...)
		})
		return sinktest.Target{Sink: s, Delivered: d.entries, Break: d.fill}
	})
}

// A faulty memory takes whole entries.
type memory struct {
	mu   sync.Mutex
	held []batch.Entry
	hang chan struct{}
	down bool
}

func (m *memory) Write(ctx context.Context, b *batch.Batch) error {
	m.mu.Lock()
	hang, down := m.hang, m.down
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
	if down {
		return errDown
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Entries {
		e := b.Entries[i].Clone()
		e.Labels = b.LabelsOf(i)
		m.held = append(m.held, e)
	}
	return nil
}

func (m *memory) Close(context.Context) error { return nil }

func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// The decorators keep the contract that the Sinks within keep.
func TestConformanceStack(t *testing.T) {
	for name, decorate := range map[string]func(m *memory) sink.Sink{
		"Breaker and Timeout": func(m *memory) sink.Sink {
			return sink.Breaker(sink.Timeout(m, 100*time.Millisecond), sink.BreakerConfig{Failures: 1, OpenFor: 20 * time.Millisecond})
		},
		"Retry": func(m *memory) sink.Sink {
			return sink.Retry(sink.Observe(m, func(batch.Outcome) {}), sink.RetryConfig{Min: time.Millisecond})
		},
		"Failover": func(m *memory) sink.Sink {
			down := sink.Func(func(context.Context, *batch.Batch) error { return errDown })
			return sink.Retry(sink.Failover(sink.Breaker(down, sink.BreakerConfig{}), m), sink.RetryConfig{Min: time.Millisecond})
		},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(testing.TB) sinktest.Target {
				m := &memory{}
				return sinktest.Target{
					Sink: decorate(m),
					Delivered: func() (held []batch.Entry) {
						m.set(func() { held = append(held, m.held...) })
						return held
					},
					Stall: func() func() {
						hang := make(chan struct{})
						m.set(func() { m.hang = hang })
						return func() { m.set(func() { m.hang = nil }); close(hang) }
					},
					Break: func() func() {
						m.set(func() { m.down = true })
						return func() { m.set(func() { m.down = false }) }
					},
					Patience: 5 * time.Second,
				}
			})
		})
	}
}
