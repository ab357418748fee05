package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

func refuse(int, context.Context, *batch.Batch) error { return errors.New("connection refused") }

// one is a pipeline of one source of numbered lines.
func one(c counter, routes ...Route) Config {
	return Config{Sources: map[string]source.Source{"a": c}, Routes: routes}
}

func TestCloseWithADeadSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := source.MemCheckpoints()
		cfg := one(counter{total: 1000, perBatch: 10, follow: true}, Route{Sink: &collector{fail: refuse}})
		cfg.Checkpoints = cp
		e := mustStart(t, cfg)
		time.Sleep(4700 * time.Millisecond)
		began := time.Now()
		err := e.Close(within(t, 10*time.Second))
		if took := time.Since(began); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("Close took %v, want the 10 s it was given, less the grace", took)
		}
		var left *UndeliveredError
		if !errors.As(err, &left) || left.Sources["a"] != 1000 || !strings.Contains(err.Error(), "1000 of a") {
			t.Fatalf("Close = %v, want 1000 of a undelivered", err)
		}
		if st := e.Stats(); st.Sources["a"].Undelivered != 1000 || st.InFlightBytes != 0 {
			t.Errorf("ledger after Close:\n%v\n%d bytes in flight", st, st.InFlightBytes)
		}
		closes(t, e.Stats())

		alive := &collector{}
		cfg = one(counter{total: 1000, perBatch: 10}, Route{Sink: alive})
		cfg.Checkpoints = cp
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if missing, twice, _ := alive.check("numbers", 1000); missing != 0 || twice != 0 {
			t.Errorf("after the restart: %d missing, %d twice", missing, twice)
		}
	})
}

// A sink that does not listen to its ctx is named; when it comes back after
// all, the second Close does everything the first could not.
func TestCloseWithAStuckSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := source.MemCheckpoints()
		release := make(chan struct{})
		stuck, well := &collector{}, &collector{}
		stuck.fail = func(int, context.Context, *batch.Batch) error { <-release; return nil }
		cfg := one(counter{total: 100, perBatch: 10, follow: true}, Route{Name: "mud", Sink: stuck}, Route{Name: "well", Sink: well})
		cfg.Sources["b"] = counter{stream: "b", total: 30, follow: true}
		cfg.Routes[0].Match = func(e *batch.Entry) bool { return e.Labels.Get("stream") == "numbers" }
		cfg.Checkpoints = cp
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)

		began := time.Now()
		err := e.Close(within(t, 3*time.Second))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("Close took %v", took)
		}
		var se *lifecycle.StuckError
		if !errors.As(err, &se) {
			t.Fatalf("Close = %v, want a StuckError", err)
		}
		named := false
		for _, r := range se.Running {
			named = named || r.Name == "pipeline/routes/mud/writer" && r.Stopping > 0
		}
		if !named || !strings.Contains(string(se.Profile), "pipeline/routes/mud/writer") {
			t.Errorf("the writer is not named: %v", err)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not say why Close gave up", err)
		}
		if well.closed != 1 || stuck.closed != 0 {
			t.Errorf("closed: the one that is well %d times, the stuck one %d times", well.closed, stuck.closed)
		}
		if got := cursorOf(t, cp, "a/numbers"); got != "" {
			t.Errorf("cursor of a is %q while its Write is stuck", got)
		}
		if got := cursorOf(t, cp, "b/b"); got != "30" {
			t.Errorf("cursor of b is %q, want 30: the stuck route has nothing of it", got)
		}
		if again := e.Close(within(t, 1700*time.Millisecond)); !errors.As(again, &se) {
			t.Errorf("the second Close, still stuck: %v", again)
		}

		close(release)
		err = e.Close(within(t, 5*time.Second))
		if err != nil {
			t.Errorf("Close after the release: %v", err)
		}
		if well.closed != 1 || stuck.closed != 1 {
			t.Errorf("closed %d and %d times at the end", well.closed, stuck.closed)
		}
		if got := cursorOf(t, cp, "a/numbers"); got != "100" {
			t.Errorf("cursor of a is %q at the end, want 100: what was stuck was delivered", got)
		}
		if again := e.Close(t.Context()); again != err {
			t.Errorf("Close once more: %v, was %v", again, err)
		}
	})
}

func cursorOf(t testing.TB, cp source.Checkpoints, key string) string {
	t.Helper()
	for k, v := range cp.All(t.Context()) {
		if k == key {
			return v
		}
	}
	return ""
}

// A Close that is stuck in a Sink's Close names that, and closes it no second
// time.
func TestCloseWithASinkThatDoesNotClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowCloser{release: make(chan struct{})}
		e := mustStart(t, one(counter{total: 10}, Route{Sink: s}))
		time.Sleep(1300 * time.Millisecond)
		err := e.Close(within(t, 2*time.Second))
		var se *lifecycle.StuckError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), "pipeline/close sink of route route0") {
			t.Fatalf("Close = %v", err)
		}
		close(s.release)
		if err := e.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "closing sink of route route0: disk full") {
			t.Errorf("Close = %v, want the sink's error", err)
		}
		if s.closed != 1 {
			t.Errorf("closed %d times", s.closed)
		}
	})
}

type slowCloser struct {
	collector
	release chan struct{}
}

func (s *slowCloser) Close(ctx context.Context) error {
	s.collector.Close(ctx)
	<-s.release
	return errors.New("disk full")
}

func TestCloseWithACancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{fail: func(_ int, ctx context.Context, _ *batch.Batch) error { <-ctx.Done(); return ctx.Err() }}
		e := mustStart(t, one(counter{total: 10, follow: true}, Route{Sink: out}))
		time.Sleep(1300 * time.Millisecond)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		began := time.Now()
		err := e.Close(ctx)
		var left *UndeliveredError
		if !errors.As(err, &left) || left.Sources["a"] != 10 {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v, with nothing stuck", took)
		}
		if out.closed != 1 {
			t.Errorf("closed %d times", out.closed)
		}
	})
}

// Without a deadline Close waits for delivery, however long that takes.
func TestCloseWithoutADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(47 * time.Minute)
		out := &collector{}
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if time.Now().Before(back) {
				return refuse(n, ctx, b)
			}
			return nil
		}
		e := mustStart(t, one(counter{total: 100, follow: true}, Route{Sink: out}))
		time.Sleep(1300 * time.Millisecond)
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if missing, _, _ := out.check("numbers", 100); missing != 0 || time.Now().Before(back) {
			t.Errorf("%d missing, %v", missing, time.Until(back))
		}
	})
}

// A dead best-effort route holds up a Close without a deadline no longer than
// CloseTimeout, and is no error.
func TestCloseDoesNotWaitForBestEffort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one(counter{total: 100}, Route{Sink: &collector{}}, Route{Sink: &collector{fail: refuse}, BestEffort: true})
		cfg.CloseTimeout = 7 * time.Second
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		began := time.Now()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("Close took %v", took)
		}
		closes(t, e.Stats())
	})
}

func TestCloseBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		e := mustNew(t, one(counter{total: 10}, Route{Sink: out}))
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		<-e.Done()
		if err := e.Start(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Start = %v", err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := e.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if out.closed != 0 {
			t.Error("what was never opened was closed")
		}
	})
}

// A Close that meets a Start waits for it; one without the time for that says so.
func TestCloseDuringStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &starter{wait: 3300 * time.Millisecond}
		e := mustNew(t, one(counter{total: 10}, Route{Sink: s}))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Start(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if err := e.Close(within(t, time.Second)); err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
		if err := e.Close(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if s.closed != 1 {
			t.Errorf("closed %d times", s.closed)
		}
	})
}

// A worker that a Write has ended during Close is not run again. What was on
// its way to it must not be lost.
func TestGoexitDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{single: true}
		out.fail = func(n int, ctx context.Context, _ *batch.Batch) error {
			if n > 3 {
				time.Sleep(300 * time.Microsecond)
				runtime.Goexit()
			}
			return nil
		}
		cfg := one(counter{total: 100, follow: true}, Route{Sink: out, MaxInFlight: 1, Shaper: batch.Fixed(batch.Limits{MaxEntries: 1})})
		for i := range 30 {
			name := fmt.Sprint("s", i)
			cfg.Sources[name] = counter{stream: name, total: 20, follow: true}
		}
		e := mustStart(t, cfg)
		time.Sleep(2300 * time.Microsecond)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := e.Close(ctx)
		var se *lifecycle.StuckError
		if errors.As(err, &se) {
			t.Fatalf("Close = %v", err)
		}
		st := e.Stats()
		closes(t, st)
		if st.InFlightBytes != 0 || st.Sources["a"].InFlight != 0 {
			t.Errorf("in flight after Close:\n%v", st)
		}
	})
}

// A hard stop makes Writes fail. That must use up no tries.
func TestTriesAreNotUsedUpByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := source.MemCheckpoints()
		out := &collector{fail: func(_ int, ctx context.Context, _ *batch.Batch) error { <-ctx.Done(); return ctx.Err() }}
		letters := &collector{}
		cfg := one(counter{total: 10, follow: true}, Route{Sink: sink.Retry(out, sink.RetryConfig{Tries: 1}), DeadLetter: letters})
		cfg.Checkpoints = cp
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		var left *UndeliveredError
		if err := e.Close(within(t, 3*time.Second)); !errors.As(err, &left) || left.Sources["a"] != 10 {
			t.Errorf("Close = %v, want 10 undelivered:\n%v", err, e.Stats())
		}
		if got := cursorOf(t, cp, "a/numbers"); got != "" {
			t.Errorf("cursor is %q", got)
		}
	})
}

// An owner that a hook has ended is run again, also when Close begins before
// that: what it has must be given back.
func TestCloseWhileTheOwnerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := make(chan struct{}, 100)
		cfg := one(counter{total: 100, perBatch: 5, follow: true}, Route{Sink: &collector{fail: refuse}})
		cfg.Hooks.WriteFailed = func(string, error, time.Duration) {
			down <- struct{}{}
			runtime.Goexit()
		}
		e := mustStart(t, cfg)
		<-down
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var left *UndeliveredError
		if err := e.Close(ctx); !errors.As(err, &left) || left.Sources["a"] != 100 {
			t.Errorf("Close = %v", err)
		}
		st := e.Stats()
		closes(t, st)
		if st.InFlightBytes != 0 || st.Sources["a"].InFlight != 0 {
			t.Errorf("in flight after Close:\n%v", st)
		}
	})
}
