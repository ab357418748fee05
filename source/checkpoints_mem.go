package source

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"sync"
)

// MemoryCheckpoints is a [Checkpoints] that lasts as long as the process: for tests, and for sources that have nothing
// to resume, such as the service's own log. Make it with [MemCheckpoints]. It is safe for concurrent use.
type MemoryCheckpoints struct {
	mu      sync.Mutex
	cursors map[string]string
}

// MemCheckpoints returns an empty store in memory. Hand the same one to a second pipeline to resume there.
func MemCheckpoints() *MemoryCheckpoints {
	return &MemoryCheckpoints{cursors: make(map[string]string)}
}

// All implements [Checkpoints].
func (m *MemoryCheckpoints) All(ctx context.Context) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		m.mu.Lock()
		cursors := maps.Clone(m.cursors)
		m.mu.Unlock()
		yieldCursors(ctx, cursors, yield)
	}
}

// Save implements [Checkpoints]. It fails only if ctx is done already.
func (m *MemoryCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("source: checkpoints in memory: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	applyCursors(m.cursors, set, drop)
	return nil
}
