package sink_test

import (
	"io"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// What each decorator adds to a Write that succeeds.
func BenchmarkDecorator(b *testing.B) {
	d := sink.Discard()
	breaker := sink.Breaker(d, sink.BreakerConfig{})
	for _, bench := range []struct {
		name string
		s    sink.Sink
	}{
		{"none", d},
		{"Retry", sink.Retry(d, sink.RetryConfig{})},
		{"Failover", sink.Failover(d, d)},
		{"Observe", sink.Observe(d, func(batch.Outcome) {})},
		{"Breaker", breaker},
		{"Timeout", sink.Timeout(d, time.Second)},
		{"stack", sink.Retry(sink.Failover(sink.Breaker(sink.Timeout(d, time.Second), sink.BreakerConfig{}), d), sink.RetryConfig{})},
	} {
		b.Run(bench.name, func(b *testing.B) {
			full := numbered(100)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.s.Write(ctx, full); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What an open breaker costs whoever asks.
func BenchmarkBreakerRefusal(b *testing.B) {
	s := sink.Breaker(&script{answers: []error{errDown}}, sink.BreakerConfig{Failures: 1, OpenFor: time.Hour})
	full := numbered(100)
	s.Write(b.Context(), full)
	b.ReportAllocs()
	for b.Loop() {
		if s.Write(b.Context(), full) == nil {
			b.Fatal("not refused")
		}
	}
}

// A batch of a hundred of which one entry fails, and is written again.
func BenchmarkDelivery(b *testing.B) {
	one := partial(errDown, 57)
	full := numbered(100)
	b.ReportAllocs()
	for b.Loop() {
		d := even.Begin(full)
		d.Done(one)
		d.Done(nil)
	}
}

func BenchmarkWriter(b *testing.B) {
	s := sink.Writer(io.Discard)
	full := numbered(1000)
	b.SetBytes(int64(full.Size()))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Write(b.Context(), full); err != nil {
			b.Fatal(err)
		}
	}
}

// A Write that succeeds at the first try allocates nothing in Retry, Failover, Observe and Writer, one admission in
// Breaker and a context in Timeout.
func TestAllocs(t *testing.T) {
	d := sink.Discard()
	full := numbered(100)
	for name, test := range map[string]struct {
		s   sink.Sink
		max float64
	}{
		"Retry":    {sink.Retry(d, sink.RetryConfig{}), 0},
		"Failover": {sink.Failover(d, d), 0},
		"Observe":  {sink.Observe(d, func(batch.Outcome) {}), 0},
		"Writer":   {sink.Writer(io.Discard), 0},
		"Breaker":  {sink.Breaker(d, sink.BreakerConfig{}), 1},
		"Timeout":  {sink.Timeout(d, time.Second), 5},
	} {
		ctx := t.Context()
		if got := testing.AllocsPerRun(100, func() { test.s.Write(ctx, full) }); got > test.max {
			t.Errorf("%s: %v allocations, want at most %v", name, got, test.max)
		}
	}
}
