package lokitest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A progress counts what became of entries, and lets wait for it.
type progress struct {
	mu        sync.Mutex
	delivered int
	failures  int // Writes that had no answer or were refused
	changed   chan struct{}
}

func newProgress() *progress { return &progress{changed: make(chan struct{})} }

// observe is for sink.Observe.
func (p *progress) observe(o batch.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var partial *sink.PartialError
	switch {
	case o.Err == nil:
		p.delivered += o.Entries
	case errors.As(o.Err, &partial):
		p.delivered += o.Entries - len(partial.Failures)
	default:
		p.failures++
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// await waits until n entries have been delivered.
func (p *progress) await(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	p.until(ctx, t, func() string {
		if p.delivered >= n {
			return ""
		}
		return fmt.Sprintf("%d of %d entries delivered", p.delivered, n)
	})
}

// awaitMore waits until n more have.
func (p *progress) awaitMore(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	p.mu.Lock()
	n += p.delivered
	p.mu.Unlock()
	p.await(ctx, t, n)
}

// awaitFailures waits for n more Writes that failed as a whole.
func (p *progress) awaitFailures(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	p.mu.Lock()
	want := p.failures + n
	p.mu.Unlock()
	p.until(ctx, t, func() string {
		if p.failures >= want {
			return ""
		}
		return fmt.Sprintf("%d of %d Writes failed", p.failures, want)
	})
}

// until waits until missing, which is called with the lock held, has nothing
// to say.
func (p *progress) until(ctx context.Context, t *testing.T, missing func() string) {
	t.Helper()
	for {
		p.mu.Lock()
		changed, text := p.changed, missing()
		p.mu.Unlock()
		if text == "" {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s: %v", text, context.Cause(ctx))
		}
	}
}
