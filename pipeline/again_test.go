package pipeline

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A Close after one that a source alone has held up does all that is left: the
// cursors that could not be saved are.
func TestCloseAgainSavesTheCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var broken atomic.Bool
		broken.Store(true)
		cp := &brokenCheckpoints{source.MemCheckpoints(), func(string) bool { return broken.Load() }}
		cfg := one(counter{total: 10}, Route{Sink: &collector{}})
		cfg.Checkpoints, cfg.CheckpointEvery = cp, time.Hour
		cfg.Sources["mud"] = source.Func(func(context.Context, *source.Outlet) error { <-release; return nil })
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		began := time.Now()
		err := e.Close(within(t, 2*time.Second))
		var se *lifecycle.StuckError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("Close = %v, want a StuckError and the failed save", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Close waited %v for the source, want all of its time", took)
		}
		if len(se.Running) != 1 || se.Running[0].Name != "pipeline/sources/mud" {
			t.Errorf("stuck are %v, want the source alone", se.Running)
		}
		broken.Store(false)
		close(release)
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if got := cursorOf(t, cp.MemoryCheckpoints, "a/numbers"); got != "10" {
			t.Errorf("cursor %q, want 10", got)
		}
	})
}

// slowCheckpoints hang in the first Save until its ctx ends.
type slowCheckpoints struct {
	*source.MemoryCheckpoints
	saves atomic.Int32
}

func (s *slowCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	if s.saves.Add(1) == 1 {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s.MemoryCheckpoints.Save(ctx, set, drop)
}

// A last Save that its half of the time was too short for is tried again.
func TestCloseSavesAgainWithWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := &slowCheckpoints{MemoryCheckpoints: source.MemCheckpoints()}
		cfg := one(counter{total: 10}, Route{Sink: &collector{}})
		cfg.Checkpoints, cfg.CheckpointEvery = cp, time.Hour
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		if err := e.Close(within(t, 4*time.Second)); err != nil {
			t.Errorf("Close = %v", err)
		}
		if got := cursorOf(t, cp.MemoryCheckpoints, "a/numbers"); got != "10" {
			t.Errorf("cursor %q, want 10", got)
		}
	})
}

// A hook that ends the owner's goroutine when it is through with everything
// holds up nothing.
func TestTheLastHookEndsTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{fail: func(_ int, ctx context.Context, b *batch.Batch) error {
			<-ctx.Done()
			return sevens(0, ctx, b)
		}}
		cfg := one(counter{total: 10, perBatch: 10}, Route{Sink: out})
		cfg.Hooks.Dropped = func(string, string, int) { runtime.Goexit() }
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(began); took > 50*time.Millisecond {
			t.Errorf("Close took %v: the owner did not end", took)
		}
		closes(t, e.Stats())
		if out.closed != 1 {
			t.Errorf("closed %d times", out.closed)
		}
	})
}
