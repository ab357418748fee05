package container

import (
	"context"
	"strings"
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// A tally is a receiver that takes everything at once, and keeps of it what a
// test asks for, by container, until the test lets go of that: whoever keeps all
// cannot tell whether memory grows.
type tally struct {
	pool batch.Pool

	mu     sync.Mutex
	lines  map[string][]string // as "stream text", by the id of the container
	sets   map[batch.Labels]int
	others int // entries whose label for the container is "other"
	unsaid int // those of them whose attributes do not name it
}

func newTally() *tally {
	return &tally{pool: batch.Pool{Poison: true}, lines: map[string][]string{}, sets: map[batch.Labels]int{}}
}

// NewBatch implements source.Receiver.
func (y *tally) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&y.pool, l) }

// Hasten implements source.Receiver: nothing is ever held back.
func (y *tally) Hasten() (done func()) { return func() {} }

// Receive implements source.Receiver.
func (y *tally) Receive(ctx context.Context, b *batch.Batch, settled func(error)) error {
	b.OnSettled(settled)
	if err := context.Cause(ctx); err != nil {
		b.Settle(err)
		return err
	}
	b.Retain(0) // read-only from here on
	y.mu.Lock()
	for i := range b.Entries {
		y.note(&b.Entries[i], b.Labels)
	}
	y.mu.Unlock()
	b.Settle(nil)
	return nil
}

func (y *tally) note(e *batch.Entry, l batch.Labels) {
	if e.Labels != (batch.Labels{}) {
		l = e.Labels
	}
	y.sets[l]++
	if l.Get("container") == labelset.Other {
		y.others++
		if attr(e, "container") == "" {
			y.unsaid++
		}
	}
	id := strings.Clone(attr(e, "container_id"))
	y.lines[id] = append(y.lines[id], attr(e, "stream")+" "+string(e.Line))
}

// of returns what came of a container.
func (y *tally) of(id string) []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.lines[id]
}

// drop lets go of what came of a container.
func (y *tally) drop(id string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.lines, id)
}
