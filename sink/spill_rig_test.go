package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A spillRig is a started Spill before a memory, with a folder that outlives it.
type spillRig struct {
	*sink.Spiller
	t    testing.TB
	dir  string
	to   *memory
	sup  *lifecycle.Supervisor
	over bool
}

// startSpill starts one. Its folder is a new one unless cfg says otherwise.
func startSpill(t testing.TB, to *memory, cfg sink.SpillConfig) *spillRig {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "queue")
	}
	s, err := sink.Spill(sink.Retry(to, sink.RetryConfig{Min: time.Millisecond, Max: 10 * time.Millisecond}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &spillRig{Spiller: s, t: t, dir: cfg.Dir, to: to, sup: lifecycle.New(lifecycle.Config{})}
	if err := s.Start(t.Context(), r.sup); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	return r
}

// newSupervisor returns one that is closed with the test.
func newSupervisor(t testing.TB) *lifecycle.Supervisor {
	sup := lifecycle.New(lifecycle.Config{})
	t.Cleanup(func() {
		if err := sup.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return sup
}

// end closes it, once.
func (r *spillRig) end() {
	r.t.Helper()
	if r.over {
		return
	}
	r.over = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := errors.Join(r.Close(ctx), r.sup.Close(ctx)); err != nil {
		r.t.Error(err)
	}
}

func (r *spillRig) write(b *batch.Batch) {
	r.t.Helper()
	if err := r.Write(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *spillRig) drain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		r.t.Fatalf("Drain: %v; %+v", err, r.Stats())
	}
}

// lines returns what the destination holds.
func (r *spillRig) lines() (lines []string) {
	r.to.set(func() {
		for _, e := range r.to.held {
			lines = append(lines, string(e.Line))
		}
	})
	return lines
}

// series returns batches of n entries each, numbered through, of one stream.
func series(batches, n int) (list []*batch.Batch, lines []string) {
	for i := range batches {
		b := batch.New(nil, batch.MustLabels("app", "shop"))
		for k := range n {
			line := strconv.Itoa(i*n + k)
			b.Append(base, []byte(line))
			lines = append(lines, line)
		}
		list = append(list, b)
	}
	return list, lines
}

func (r *spillRig) want(lines []string) {
	r.t.Helper()
	if got := r.lines(); !slices.Equal(got, lines) {
		r.t.Fatalf("%d lines delivered, want %d: %s", len(got), len(lines), firstDifference(got, lines))
	}
}

func firstDifference(got, want []string) string {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return fmt.Sprintf("from %d on", i)
		}
	}
	return "more than that"
}

// until waits for a condition that somebody else brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A fork is a memory of which each test learns how many Writes run.
type fork struct {
	memory
	mu   sync.Mutex
	busy map[batch.Labels]bool
	most int
	bad  string
	gate chan struct{}
}

func (f *fork) PerStream() bool { return true }

func (f *fork) Write(ctx context.Context, b *batch.Batch) error {
	l := b.LabelsOf(0)
	f.mu.Lock()
	if f.busy[l] {
		f.bad = "two Writes of a stream at a time"
	}
	for i := range b.Entries {
		if b.LabelsOf(i) != l {
			f.bad = "two streams in a batch"
		}
	}
	f.busy[l] = true
	f.most = max(f.most, len(f.busy))
	f.mu.Unlock()
	select {
	case <-f.gate:
	case <-ctx.Done():
	}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.busy, l)
	}()
	return f.memory.Write(ctx, b)
}
