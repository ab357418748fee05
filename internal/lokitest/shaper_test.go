package lokitest

import (
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/load"
	"github.com/logferry/logferry/internal/load/loadtest"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// These benchmarks hold the pipeline's own shaper against fixed settings, with a real Loki that limits no rate:
//
//	go test -run '^$' -bench Shaper -benchtime 1x .
//
// LOGFERRY_SOAK=1 makes them long enough to believe.

// lineBytes is what a line of a service's log has, about.
const lineBytes = 217

// startUnlimited starts a Loki whose rate is that of the machine.
func startUnlimited(b *testing.B) *Server {
	return Start(b, Limits("ingestion_rate_mb: 10000\ningestion_burst_size_mb: 10000\nper_stream_rate_limit: 10GB\n"+
		"per_stream_rate_limit_burst: 10GB\nshard_streams: {enabled: false}"))
}

func drive(b *testing.B, s *Server, cfg load.Config) *load.Run {
	b.Helper()
	r, _ := driveSink(b, s, cfg)
	return r
}

// driveSink is drive for those who want to know what the sink counts.
func driveSink(b *testing.B, s *Server, cfg load.Config) (*load.Run, *loki.Sink) {
	b.Helper()
	to, err := loki.New(loki.Config{URL: s.URL})
	if err != nil {
		b.Fatal(err)
	}
	cfg.Sink, cfg.LineBytes = to, lineBytes
	return loadtest.Start(b, cfg), to
}

// BenchmarkShaperSaturation delivers flat out: of-best is the share of what the best fixed setting delivers.
func BenchmarkShaperSaturation(b *testing.B) {
	srv := startUnlimited(b)
	c := load.Comparison{
		Open:      func() (sink.Sink, error) { return loki.New(loki.Config{URL: srv.URL}) },
		Streams:   32,
		LineBytes: lineBytes,
		Sizes:     loadtest.Scale([]int{1 << 20}, []int{256 << 10, 512 << 10, 1 << 20}),
		InFlight:  loadtest.Scale([]int{2, 8}, []int{1, 2, 4, 8, 32}),
		Window:    loadtest.Scale(time.Second, 5*time.Second),
	}
	for b.Loop() {
		v, err := c.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Log(v)
		b.ReportMetric(v.Own, "MB/s")
		b.ReportMetric(v.OfBest(), "of-best")
	}
}

// BenchmarkShaperIdle delivers a line now and then.
func BenchmarkShaperIdle(b *testing.B) {
	srv := startUnlimited(b)
	for b.Loop() {
		r := drive(b, srv, load.Config{Streams: 4, Every: 23 * time.Millisecond})
		got := r.Over(b.Context(), loadtest.Scale(2*time.Second, 20*time.Second))
		loadtest.End(b, r)
		b.ReportMetric(float64(got.Quantile(0.5).Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(got.Quantile(0.99).Microseconds())/1e3, "p99-ms")
	}
}

// BenchmarkShaperOutage delivers flat out to a Loki that is killed and comes back: of-before is how fast the backlog
// drains then, as a share of how fast lines were delivered before, and back-ms how long after its being ready the first
// is delivered.
func BenchmarkShaperOutage(b *testing.B) {
	ctx := b.Context()
	for b.Loop() {
		srv := startUnlimited(b)
		r := drive(b, srv, load.Config{Streams: 32})
		window := loadtest.Scale(2*time.Second, 10*time.Second)
		r.Over(ctx, window)
		before := r.Over(ctx, window)
		srv.Kill()
		r.Over(ctx, loadtest.Scale(2*time.Second, 30*time.Second))
		srv.Restart()
		back, at := time.Now(), r.Read()
		if err := r.Await(ctx, at.Bytes+1); err != nil {
			b.Fatal(err)
		}
		waited := time.Since(back)
		after := r.Over(ctx, window)
		loadtest.End(b, r)
		b.ReportMetric(float64(after.Bytes)/float64(before.Bytes), "of-before")
		b.ReportMetric(float64(waited.Milliseconds()), "back-ms")
	}
}

// BenchmarkShaperTenantRate delivers flat out where the tenant may send 4 MB/s with bursts of 6 MB, which are Loki's
// defaults: refused is the share of the requests that are, sent how many bytes go out for each that is delivered, and
// of-limit what is delivered as a share of what may be.
func BenchmarkShaperTenantRate(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  load.Config
	}{
		{"own", load.Config{}},
		{"fixed", load.Config{Shaper: batch.Fixed(batch.Limits{})}},
		{"fixed64KiB", load.Config{Shaper: batch.Fixed(batch.Limits{MaxBytes: 64 << 10})}},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := Start(b, Limits("ingestion_rate_mb: 4\ningestion_burst_size_mb: 6\nshard_streams: {enabled: false}"))
			for b.Loop() {
				c.cfg.Streams = 32
				r, to := driveSink(b, srv, c.cfg)
				r.Over(b.Context(), loadtest.Scale(5*time.Second, 20*time.Second)) // the burst is used up, and the pace found
				before := to.Stats()
				window := loadtest.Scale(5*time.Second, 60*time.Second)
				got := r.Over(b.Context(), window)
				after := to.Stats()
				loadtest.End(b, r)
				b.ReportMetric(float64(after.Statuses[429]-before.Statuses[429])/float64(after.Requests-before.Requests), "refused")
				b.ReportMetric(float64(after.RawBytes-before.RawBytes)/float64(got.Bytes), "sent")
				b.ReportMetric(float64(got.Bytes)/window.Seconds()/(4<<20), "of-limit")
			}
		})
	}
}
