package pipeline

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

type measured struct {
	inFlight   int
	heap       uint64
	goroutines int
}

func measure(e *Engine) measured {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	st := e.Stats()
	now := measured{inFlight: st.InFlightBytes, heap: m.HeapAlloc, goroutines: runtime.NumGoroutine()}
	return now
}

// Nothing grows while a sink is down: not the bytes in flight, not the heap,
// not the number of goroutines.
func TestMemoryIsFlatWhileASinkIsDown(t *testing.T) {
	park := func(int, context.Context, *batch.Batch) error {
		return sink.RetryAfter(errors.New("429"), 37*time.Second)
	}
	for name, cfg := range map[string]Config{
		"one stream":       one(counter{total: 1 << 40, perBatch: 20}, Route{Sink: &collector{fail: refuse}}),
		"100 parked":       {Sources: streams(100, 1<<40, 0), Routes: []Route{{Sink: &collector{fail: park, single: true}}}},
		"drops the oldest": one(counter{total: 1 << 40, perBatch: 1, every: 29700 * time.Microsecond}, Route{Sink: &collector{fail: refuse}, Overflow: DropOldest, BufferBytes: 50 << 10}),
		"best effort, 20 parked": {Sources: streams(20, 1<<40, 1770*time.Millisecond),
			Routes: []Route{{Sink: &collector{fail: park, single: true}, BestEffort: true, BufferBytes: 100 << 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg.MaxInFlightBytes = 2 << 20
				e := mustStart(t, cfg)
				time.Sleep(61 * time.Second)
				first := measure(e)
				for range 5 {
					time.Sleep(113 * time.Second)
					now := measure(e)
					if now.inFlight > cfg.MaxInFlightBytes+300<<10 || now.goroutines > first.goroutines {
						t.Errorf("%+v, at first %+v", now, first)
					}
					if grown := float64(now.heap) / float64(first.heap); grown > 1.1 {
						t.Errorf("the heap has grown by %.2f: %+v, at first %+v", grown, now, first)
					}
				}
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				e.Close(ctx)
				if got := e.Stats().InFlightBytes; got != 0 {
					t.Errorf("%d bytes in flight after Close", got)
				}
			})
		})
	}
}

// TestSoak is the same in real time: 1 s each, or 30 s with LOGFERRY_SOAK=1.
func TestSoak(t *testing.T) {
	for name, cfg := range map[string]Config{
		"one stream": one(counter{total: 1 << 40, perBatch: 20}, Route{Sink: &collector{fail: refuse}}),
		"many":       {Sources: streams(50, 1<<40, 0), Routes: []Route{{Sink: &collector{fail: refuse, single: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := time.Second
			if os.Getenv("LOGFERRY_SOAK") == "1" {
				d = 30 * time.Second
			}
			cfg.MaxInFlightBytes = 4 << 20
			e := mustStart(t, cfg)
			for !full(e.budget) {
				time.Sleep(time.Millisecond)
			}
			first := measure(e)
			time.Sleep(d) // not to synchronise: to let time pass
			now := measure(e)
			t.Logf("at first %+v, %v later %+v", first, d, now)
			if now.goroutines > first.goroutines || float64(now.heap) > 1.1*float64(first.heap)+1<<20 {
				t.Errorf("%+v, at first %+v", now, first)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			e.Close(ctx) // gives back what there is, and need not have joined all
			if err := e.Close(within(t, 30*time.Second)); errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

// full reports whether every source waits.
func full(b *budget) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiters.Len() == len(b.shares)
}
