package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// streams are sources of one stream each, of total lines.
func streams(n, total int, every time.Duration) map[string]source.Source {
	m := map[string]source.Source{}
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		m[name] = counter{stream: name, total: total, every: every}
	}
	return m
}

// One stream that is told to wait waits alone.
func TestAStreamIsParkedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 50
		out := &collector{single: true}
		told := time.Time{}
		out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
			if b.Labels.Get("stream") == "s3" && (told.IsZero() || time.Since(told) < 10*time.Minute) {
				if told.IsZero() {
					told = time.Now()
				}
				return sink.RetryAfter(errors.New("429"), 10*time.Minute-time.Since(told)+time.Second)
			}
			return sleep(context.Background(), 3*time.Millisecond)
		}
		e := mustStart(t, Config{Sources: streams(40, total, 20*time.Millisecond), Routes: []Route{{Sink: out, MaxInFlight: 2}}})
		time.Sleep(47 * time.Second)
		for i := range 40 {
			name := fmt.Sprintf("s%d", i)
			missing, _, inOrder := out.check(name, total)
			if parked := i == 3; parked != (missing == total) || !parked && missing > 0 || !inOrder {
				t.Errorf("%s: %d missing after 47 s, in order: %v", name, missing, inOrder)
			}
		}
		if n := e.Stats().Routes["route0"].Parked; n != 1 {
			t.Errorf("%d batches are parked", n)
		}
		writes := out.wrote()
		<-e.Done()
		if missing, twice, inOrder := out.check("s3", total); missing > 0 || twice > 0 || !inOrder {
			t.Errorf("s3 in the end: %d missing, %d twice, in order: %v", missing, twice, inOrder)
		}
		if more := out.wrote() - writes; more > 5 {
			t.Errorf("%d Writes while one stream was parked", more)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An open breaker makes the sources wait. It is not asked again and again, and
// nothing is dropped.
func TestAnOpenBreakerPausesReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 5000
		back := time.Now().Add(10*time.Minute + 700*time.Millisecond)
		out := &collector{}
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if time.Now().Before(back) {
				return refuse(n, ctx, b)
			}
			return nil
		}
		asked := 0
		outer := sink.Observe(sink.Breaker(out, sink.BreakerConfig{}), func(batch.Outcome) { asked++ })
		cfg := one(counter{total: total, perBatch: 10}, Route{Sink: outer})
		cfg.MaxInFlightBytes = 100 << 10
		e := mustStart(t, cfg)
		time.Sleep(10 * time.Minute)
		st := e.Stats()
		if read := st.Sources["a"].Read; read == 0 || read > total/2 {
			t.Errorf("%d entries were read while the sink was down", read)
		}
		// The breaker opens for 5 s at a time, and the shaper wants to know as often.
		if asked < 15 || asked > 250 {
			t.Errorf("%d Writes, %d of them got through, in 10 minutes", asked, out.wrote())
		}
		if st.Routes["route0"].Breaker == sink.Closed {
			t.Error("the breaker is closed")
		}
		if h := e.Health(); h.OK() || h.Oldest < 9*time.Minute {
			t.Errorf("Health is %+v", h)
		}
		<-e.Done()
		if missing, twice, inOrder := out.check("numbers", total); missing > 0 || twice > 0 || !inOrder {
			t.Errorf("%d missing, %d twice, in order: %v", missing, twice, inOrder)
		}
		if h := e.Health(); !h.OK() {
			t.Errorf("Health is %+v at the end", h)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
