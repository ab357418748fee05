package pipeline

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

// blockingHandler blocks in everything that a Logger hands on.
type blockingHandler struct{ release chan struct{} }

func (blockingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h blockingHandler) Handle(context.Context, slog.Record) error {
	<-h.release
	return nil
}
func (h blockingHandler) WithAttrs([]slog.Attr) slog.Handler {
	<-h.release
	return h
}
func (h blockingHandler) WithGroup(string) slog.Handler { return h }

// A Logger that blocks delays nothing but Close, which names it.
func TestALoggerThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := blockingHandler{make(chan struct{})}
		out := &collector{fail: func(n int, ctx context.Context, b *batch.Batch) error {
			if n%2 == 1 {
				return refuse(n, ctx, b)
			}
			return sevens(n, ctx, b)
		}}
		cfg := one(counter{total: 5000, perBatch: 2}, Route{Sink: out, Shaper: batch.Fixed(batch.Limits{MaxEntries: 4})})
		cfg.Logger = slog.New(h)
		e := mustStart(t, cfg)
		time.Sleep(20 * time.Minute)
		select {
		case <-e.Done():
		default:
			t.Errorf("delivery waits for the Logger:\n%v", e.Stats())
		}
		if e.Stats().LogDropped == 0 {
			t.Error("no message was lost")
		}
		var se *lifecycle.StuckError
		if err := e.Close(within(t, 2*time.Second)); !errors.As(err, &se) || !strings.Contains(err.Error(), "pipeline/log") {
			t.Errorf("Close = %v", err)
		}
		if out.closed != 1 {
			t.Error("the sink was not closed")
		}
		close(h.release)
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// crashingHandler panics or exits wherever it is called.
type crashingHandler struct{ crash func() }

func (h crashingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h crashingHandler) Handle(context.Context, slog.Record) error {
	h.crash()
	return nil
}
func (h crashingHandler) WithAttrs([]slog.Attr) slog.Handler { h.crash(); return h }
func (h crashingHandler) WithGroup(string) slog.Handler      { h.crash(); return h }

func TestALoggerThatCrashes(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("logger") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &collector{fail: sevens}
				cfg := one(counter{total: 50}, Route{Sink: out})
				cfg.Logger = slog.New(crashingHandler{crash})
				e := mustNew(t, cfg)
				// A task that ends by Goexit while it is being stopped has failed.
				if err := e.Run(t.Context()); err != nil && (name != "Goexit" || !strings.Contains(err.Error(), "pipeline/log: ")) {
					t.Errorf("Run = %v", err)
				}
				if st := e.Stats(); st.Sources["a"].Delivered != 45 {
					t.Errorf("%v", st)
				}
			})
		})
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// The log tells of a short outage once, and once of its end, and the Outlet's
// Logger bears the source's name.
func TestTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		back := time.Now().Add(50 * time.Second)
		out := &collector{}
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if time.Now().Before(back) {
				return refuse(n, ctx, b)
			}
			return nil
		}
		cfg := one(counter{}, Route{Sink: out})
		cfg.Sources["a"] = source.Func(func(ctx context.Context, o *source.Outlet) error {
			o.Logger().WithGroup("g").Info("hello", "k", "v")
			return counter{total: 10}.Run(ctx, o)
		})
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if err := mustNew(t, cfg).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{"writing failed and is repeated": 1, "writing goes well again": 1, "source=a g.k=v": 1} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q %d times, want %d in:\n%s", text, got, want, log.String())
			}
		}
	})
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var broken sync.Map
		is := func(what string) bool { _, ok := broken.Load(what); return ok }
		out := &ailing{is: is}
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if is("sink") {
				return refuse(n, ctx, b)
			}
			return nil
		}
		cp := &brokenCheckpoints{source.MemCheckpoints(), is}
		cfg := one(counter{total: 1 << 40, every: 100 * time.Millisecond}, Route{Name: "r", Sink: sink.Breaker(out, sink.BreakerConfig{OpenFor: time.Minute})})
		cfg.Checkpoints = cp
		cfg.Restart = lifecycle.Restart{Min: time.Hour}
		cfg.Sources["mud"] = source.Func(func(ctx context.Context, o *source.Outlet) error { <-release; return nil })
		cfg.Sources["bad"] = source.Func(func(ctx context.Context, o *source.Outlet) error { return errors.New("no such socket") })
		e := mustStart(t, cfg)
		expect := func(when string, want ...string) Health {
			t.Helper()
			synctest.Wait()
			h := e.Health()
			text := strings.Join(h.Problems, "\n")
			if len(h.Problems) != len(want) || h.OK() != (len(want) == 0) {
				t.Errorf("%s: %d problems, want %d:\n%s", when, len(h.Problems), len(want), text)
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s: no %q in:\n%s", when, w, text)
				}
			}
			return h
		}
		time.Sleep(1300 * time.Millisecond)
		expect("at first", "source bad: ")
		if err := e.Remove(t.Context(), "bad"); err != nil {
			t.Error(err)
		}
		if h := expect("without it"); h.Oldest > time.Second {
			t.Errorf("oldest %v", h.Oldest)
		}
		broken.Store("sink", true)
		time.Sleep(47 * time.Second)
		if h := expect("sink down", "route r: breaker is open", "route r: sink: breaker is open"); h.Oldest < 45*time.Second {
			t.Errorf("oldest %v", h.Oldest)
		}
		broken.Delete("sink")
		time.Sleep(3 * time.Minute)
		expect("sink back")
		broken.Store("health", true)
		broken.Store("checkpoints", true)
		time.Sleep(700 * time.Millisecond)
		expect("ailing", "route r: pale", "checkpoints: ")
		if e.Stats().CheckpointError == nil {
			t.Error("no CheckpointError")
		}
		broken.Clear()
		time.Sleep(700 * time.Millisecond)
		expect("well again")
		if err := e.Remove(within(t, time.Second), "mud"); err == nil {
			t.Error("Remove of a stuck source = nil")
		}
		expect("stopping")
		time.Sleep(6 * time.Second)
		if h := expect("stuck", "stuck: pipeline/sources/mud"); len(h.Stuck) != 1 {
			t.Errorf("stuck: %v", h.Stuck)
		}
		close(release)
		synctest.Wait()
		if err := e.Remove(t.Context(), "mud"); err != nil {
			t.Error(err)
		}
		expect("at last")
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type ailing struct {
	collector
	is func(string) bool
}

func (a *ailing) Health() error {
	if a.is("health") {
		return errors.New("pale")
	}
	return nil
}

type brokenCheckpoints struct {
	*source.MemoryCheckpoints
	is func(string) bool
}

func (b *brokenCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	if b.is("checkpoints") {
		return errors.New("disk full")
	}
	return b.MemoryCheckpoints.Save(ctx, set, drop)
}

// A breaker tells its host of a change from within BreakerState, and the host
// looks at Stats and Health then.
func TestStatsFromABreakersCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *Engine
		calls := 0
		out := sink.Breaker(&collector{fail: refuse}, sink.BreakerConfig{Failures: 1, OpenFor: 5 * time.Second, OnState: func(_, to sink.State) {
			calls++
			closes(t, e.Stats())
			e.Health()
		}})
		e = mustNew(t, one(counter{total: 10, follow: true}, Route{Sink: sink.Retry(out, sink.RetryConfig{Min: time.Hour, Max: time.Hour})}))
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if s := e.Stats().Routes["route0"].Breaker; s != sink.HalfOpen || calls < 2 {
			t.Errorf("breaker is %v after %d calls", s, calls)
		}
		e.Close(within(t, time.Second))
	})
}

// Done tells that all sources have ended; one that is added later counts.
func TestDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		e := mustStart(t, Config{Routes: []Route{{Sink: out, Shaper: forEver}}})
		is := func() bool {
			synctest.Wait()
			select {
			case <-e.Done():
				return true
			default:
				return false
			}
		}
		if is() {
			t.Error("done without a source")
		}
		if err := e.Add("a", counter{stream: "a", total: 100, every: 10 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if err := e.Add("a", counter{}); err == nil {
			t.Error("a second source of one name was added")
		}
		if err := e.Add("b", counter{stream: "b", total: 10, follow: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4700 * time.Millisecond)
		if is() {
			t.Error("done while b follows")
		}
		if err := e.Remove(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		if err := e.Remove(t.Context(), "b"); err == nil {
			t.Error("removed twice")
		}
		time.Sleep(time.Millisecond)
		if !is() || len(out.got()) != 110 {
			t.Errorf("done: %v, %d lines", is(), len(out.got()))
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := e.Add("c", counter{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Add = %v", err)
		}
	})
}
