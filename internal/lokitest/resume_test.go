package lokitest

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
)

// TestExactlyOnceAcrossProcesses ends a pipeline while Loki is down: what it
// could not deliver it says, and its cursors stand before that. Another one goes
// on from there, and in the end a query finds every valid line exactly once.
func TestExactlyOnceAcrossProcesses(t *testing.T) {
	tier := tierOf()
	srv := Start(t, tier.tenant...)
	ctx, cancel := context.WithTimeout(t.Context(), tier.patience)
	defer cancel()
	script := tier.script(2)
	graves := newGraveyard()
	path := filepath.Join(t.TempDir(), "cursors")

	points := openPoints(t, path)
	first := newCarriage(t, srv, script, graves, points)
	first.progress.await(ctx, t, script.total()/3)
	srv.Kill()
	first.progress.awaitFailures(ctx, t, 1)
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	first.abandon(short)
	if err := points.Close(); err != nil {
		t.Fatal(err)
	}
	srv.Restart()

	points = openPoints(t, path)
	defer points.Close()
	goOn(ctx, t, srv, script, graves, points)
}

func openPoints(t *testing.T, path string) *source.FileCheckpoints {
	t.Helper()
	points, err := source.NewFileCheckpoints(path)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// TestExactlyOnceAfterCrash ends a pipeline without its saving what it had
// delivered of late, as a crash does. Another one goes on from the cursors there
// are and delivers that again, in other batches. Loki has each line already,
// with the same time and attributes, so that a query finds it once.
func TestExactlyOnceAfterCrash(t *testing.T) {
	tier := tierOf()
	srv := Start(t, tier.tenant...)
	ctx, cancel := context.WithTimeout(t.Context(), tier.patience)
	defer cancel()
	script := tier.script(2)
	graves := newGraveyard()

	points := newCrashing()
	first := newCarriage(t, srv, script, graves, points)
	points.awaitSave(ctx, t)
	points.crash()
	first.progress.awaitMore(ctx, t, script.total()/8)
	now, cancel := context.WithCancel(ctx)
	cancel()
	settled := first.abandon(now)
	read := goOn(ctx, t, srv, script, graves, points)
	again := settled.Delivered + settled.DeadLettered - (int64(script.total()) - read)
	if again <= 0 {
		t.Error("nothing was delivered again")
	}
	t.Logf("%d lines delivered again", again)
}

// goOn runs a pipeline from points to the end of the script, checks where
// everything is, and returns how many lines were read.
func goOn(ctx context.Context, t *testing.T, srv *Server, s *script, graves *graveyard, points source.Checkpoints) int64 {
	t.Helper()
	before := auditCursors(t, srv, s, points)
	c := newCarriage(t, srv, s, graves, points)
	c.finish(ctx)
	read := c.engine.Stats().Sources[exactSource].Read
	if want := int64(s.total() - before); read != want {
		t.Errorf("%d lines read from the cursors on, want %d", read, want)
	}
	graves.check(t, s, auditAll(t, srv, s))
	return read
}

// auditCursors fails the test unless every valid line before a stream's cursor
// is stored. It returns how many lines there are before them.
func auditCursors(t *testing.T, srv *Server, s *script, points source.Checkpoints) (before int) {
	t.Helper()
	var a audit
	cursors := maps.Collect(points.All(t.Context()))
	for stream := range s.lengths {
		n, err := number(cursors[exactSource+"/"+s.name(stream)])
		if err != nil {
			t.Fatal(err)
		}
		before += n
		lines := srv.lines(t, fmt.Sprintf(`{job=%q, stream=%q}`, scriptJob, s.name(stream)), s.base, s.end(stream))
		if missing := a.stream(s, stream, n, lines); missing > 0 {
			a.problems.add("%s: the cursor is %d and %d lines before it are missing", s.name(stream), n, missing)
		}
	}
	a.problems.report(t)
	if before == 0 || before == s.total() {
		t.Errorf("the cursors stand behind %d of %d lines: there is nothing to go on with", before, s.total())
	}
	t.Logf("%d lines stored, %d before the cursors", a.found, before)
	return before
}

// crashing are checkpoints of a process that crashes: from then on nothing is
// saved any more, though it looks as if.
type crashing struct {
	*source.MemoryCheckpoints
	mu      sync.Mutex
	crashed bool
	saved   chan struct{} // closed at the first Save
	once    sync.Once
}

func newCrashing() *crashing {
	return &crashing{MemoryCheckpoints: source.MemCheckpoints(), saved: make(chan struct{})}
}

// Save saves as long as there has been no crash.
func (c *crashing) Save(ctx context.Context, set map[string]string, drop []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crashed {
		return nil
	}
	defer c.once.Do(func() { close(c.saved) })
	return c.MemoryCheckpoints.Save(ctx, set, drop)
}

func (c *crashing) crash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashed = true
}

func (c *crashing) awaitSave(ctx context.Context, t *testing.T) {
	t.Helper()
	select {
	case <-c.saved:
	case <-ctx.Done():
		t.Fatalf("no cursor was saved: %v", context.Cause(ctx))
	}
}
