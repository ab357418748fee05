package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/load"
	"github.com/logferry/logferry/internal/load/loadtest"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// services are what shapers are compared at. None is faster than two processors are at sending.
var services = []struct {
	name string
	service
}{
	{"near", service{Fixed: 2 * time.Millisecond, PerMiB: 40 * time.Millisecond, Width: 2}},
	{"busy", service{Fixed: 15 * time.Millisecond, PerMiB: 100 * time.Millisecond, Width: 4}},
	{"far", service{Fixed: 80 * time.Millisecond, PerMiB: 150 * time.Millisecond, Width: 8}},
}

// drive starts a pipeline with a Loki sink to srv. It ends with the benchmark.
func drive(b *testing.B, srv *server, cfg load.Config) *load.Run {
	b.Helper()
	to, err := loki.New(loki.Config{URL: srv.url})
	if err != nil {
		b.Fatal(err)
	}
	cfg.Sink, cfg.LineBytes = to, lineSize
	return loadtest.Start(b, cfg)
}

// BenchmarkSaturation delivers flat out to slow servers, with the pipeline's own shaper and with fixed settings:
// of-best is the share of what the best of these delivers.
func BenchmarkSaturation(b *testing.B) {
	for _, at := range loadtest.Scale(services[1:2], services) {
		b.Run(at.name, func(b *testing.B) {
			srv := startServer(b)
			srv.become(b, at.service)
			c := load.Comparison{
				Open:      func() (sink.Sink, error) { return loki.New(loki.Config{URL: srv.url}) },
				Streams:   64,
				LineBytes: lineSize,
				Sizes:     loadtest.Scale([]int{1 << 20}, []int{256 << 10, 512 << 10, 1 << 20}),
				InFlight:  loadtest.Scale([]int{4, 32}, []int{1, 2, 4, 8, 16, 32}),
				Window:    loadtest.Scale(time.Second, 4*time.Second),
			}
			for b.Loop() {
				v, err := c.Run(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.Logf("%s: %v", at.name, v)
				b.ReportMetric(v.Own, "MB/s")
				b.ReportMetric(v.OfBest(), "of-best")
			}
		})
	}
}

// BenchmarkIdle delivers a line now and then: how long it is on its way is what the server and the shaper take.
func BenchmarkIdle(b *testing.B) {
	srv := startServer(b)
	for b.Loop() {
		r := drive(b, srv, load.Config{Streams: 4, Every: 23 * time.Millisecond})
		got := r.Over(b.Context(), loadtest.Scale(time.Second, 20*time.Second))
		loadtest.End(b, r)
		b.ReportMetric(float64(got.Quantile(0.5).Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(got.Quantile(0.99).Microseconds())/1e3, "p99-ms")
	}
}

// BenchmarkOutage delivers flat out to a server that goes away for a while: of-before is how fast the backlog drains
// once it is back, as a share of how fast lines were delivered before, and back-ms how long the first takes to come.
func BenchmarkOutage(b *testing.B) {
	ctx := b.Context()
	srv := startServer(b)
	up, down := services[1].service, services[1].service
	down.Down = true
	for b.Loop() {
		srv.become(b, up)
		r := drive(b, srv, load.Config{Streams: 64})
		r.Over(ctx, loadtest.Scale(time.Second, 5*time.Second))
		window := loadtest.Scale(time.Second, 10*time.Second)
		before := r.Over(ctx, window)
		srv.become(b, down)
		early := heap()
		r.Over(ctx, loadtest.Scale(2*time.Second, 30*time.Second))
		late := heap()
		srv.become(b, up)
		back := time.Now()
		if err := r.Await(ctx, r.Read().Bytes+1); err != nil {
			b.Fatal(err)
		}
		waited := time.Since(back)
		after := r.Over(ctx, window)
		loadtest.End(b, r)
		b.ReportMetric(float64(after.Bytes)/float64(before.Bytes), "of-before")
		b.ReportMetric(float64(waited.Milliseconds()), "back-ms")
		b.ReportMetric(early, "early-heap-MB")
		b.ReportMetric(late, "late-heap-MB")
	}
}

// heap is the memory in use, in MB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}
