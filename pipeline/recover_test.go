package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// arrivalTimes remembers when the first line of each stream was delivered.
type arrivalTimes struct {
	mu    sync.Mutex
	began time.Time
	at    map[string]time.Duration
}

func (a *arrivalTimes) note(b *batch.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range b.Entries {
		name := b.LabelsOf(i).Get("stream")
		if _, seen := a.at[name]; !seen {
			a.at[name] = time.Since(a.began)
		}
	}
}

// When an outage ends, what its own backoff has parked goes at once; what was
// told to wait, or fails by itself, stays where it is.
func TestTheEndOfAnOutageWakesWhatWaits(t *testing.T) {
	for name, decorate := range map[string]func(sink.Sink) sink.Sink{
		"":        func(s sink.Sink) sink.Sink { return s },
		"breaker": func(s sink.Sink) sink.Sink { return sink.Breaker(s, sink.BreakerConfig{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const outage = 100 * time.Second
				times := &arrivalTimes{began: time.Now(), at: map[string]time.Duration{}}
				out := &collector{single: true}
				out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
					down := time.Since(times.began) < outage
					if b.Labels.Get("stream") == "s3" && down {
						return sink.RetryAfter(errors.New("429"), 10*time.Minute)
					}
					if down {
						return errors.New("connection refused")
					}
					times.note(b)
					return nil
				}
				e := mustStart(t, Config{Sources: streams(20, 5, 0), Routes: []Route{{Sink: decorate(out), MaxInFlight: 4}}})
				<-e.Done()
				first := time.Hour
				for _, at := range times.at {
					first = min(first, at)
				}
				for i := range 20 {
					at := times.at[fmt.Sprintf("s%d", i)]
					// The breaker leaves nobody to tell s3 to wait.
					if i == 3 && name == "" && at < 10*time.Minute || i != 3 && at > first+100*time.Millisecond {
						t.Errorf("s%d was delivered after %v, the first of all after %v", i, at, first)
					}
				}
				if err := e.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A stream that fails by itself is not written again whenever another goes well.
func TestAStreamThatFailsAloneKeepsItsBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		out := &collector{single: true}
		out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
			if b.Labels.Get("stream") == "s3" {
				tries.Add(1)
				return errors.New("500")
			}
			return nil
		}
		sources := streams(5, 10_000, 100*time.Millisecond)
		sources["s3"] = counter{stream: "s3", total: 1}
		shaper := batch.Fixed(batch.Limits{MaxWait: -1})
		e := mustStart(t, Config{Sources: sources, Routes: []Route{{Sink: out, Shaper: shaper, MaxInFlight: 1}}})
		time.Sleep(5 * time.Minute)
		// 0.1, 0.2, 0.4 ... 25.6 and then every 30 s, jitter aside.
		if n := tries.Load(); n < 12 || n > 20 {
			t.Errorf("%d tries in 5 minutes", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.Close(ctx)
		closes(t, e.Stats())
	})
}

// Writes that are repeated leave half of those there may be to first ones.
func TestFirstWritesGoOn(t *testing.T) {
	for _, inFlight := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			again, most := 0, 0
			out := &collector{single: true}
			isBad := func(b *batch.Batch) bool { return b.Labels.Get("stream")[0] == 'b' }
			began := time.Now()
			out.fail = func(_ int, ctx context.Context, b *batch.Batch) error {
				if !isBad(b) {
					return sleep(ctx, 10*time.Millisecond)
				}
				mu.Lock()
				again++
				if time.Since(began) > 30*time.Second {
					most = max(most, again)
				}
				mu.Unlock()
				sleep(ctx, 900*time.Millisecond)
				mu.Lock()
				again--
				mu.Unlock()
				return errors.New("no answer")
			}
			sources := map[string]source.Source{}
			for i := range 30 {
				name := fmt.Sprintf("b%d", i)
				sources[name] = counter{stream: name, total: 1, follow: true}
			}
			// More than there is time for.
			for i := range 20 {
				name := fmt.Sprintf("s%d", i)
				sources[name] = counter{stream: name, total: 100_000, every: 3 * time.Millisecond, perBatch: 10}
			}
			route := Route{Shaper: batch.Fixed(batch.Limits{MaxEntries: 10, MaxWait: -1}), MaxInFlight: inFlight,
				Sink: sink.Retry(out, sink.RetryConfig{Max: 500 * time.Millisecond})}
			e := mustStart(t, Config{Sources: sources, Routes: []Route{route}})
			time.Sleep(61 * time.Second)
			mu.Lock()
			if most != (inFlight+1)/2 {
				t.Errorf("%d of %d Writes at once were repeated ones", most, inFlight)
			}
			mu.Unlock()
			delivered := e.Stats().Routes["route0"].Delivered
			if delivered < max(100, int64(10_000*(inFlight/2))) {
				t.Errorf("%d delivered in a minute with %d Writes at once", delivered, inFlight)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			e.Close(ctx)
			closes(t, e.Stats())
		})
	}
}
