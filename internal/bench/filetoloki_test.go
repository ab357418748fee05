package bench

import (
	"runtime"
	"testing"
	"time"
)

// BenchmarkFileToLoki delivers a file of numLines lines per iteration: see the package documentation.
func BenchmarkFileToLoki(b *testing.B) {
	path := logFile(b, numLines)
	srv := startServer(b)
	b.Run("bare", func(b *testing.B) {
		c := newBare(srv.url)
		defer c.close()
		measure(b, srv, func() error { return c.drain(path) })
	})
	b.Run("logferry", func(b *testing.B) {
		measure(b, srv, func() error { return drainLogferry(path, srv.url) })
	})
}

// measure runs drain, which delivers the whole file to srv, once per iteration, and reports what that costs per line.
func measure(b *testing.B, srv *server, drain func() error) {
	b.Helper()
	b.SetBytes(numLines * lineSize)
	seen := srv.counts(b)
	var before, after runtime.MemStats
	// What earlier benchmarks left behind is not ours to collect.
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, began := cpuTime(), time.Now()
	for b.Loop() {
		if err := drain(); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	got := srv.counts(b).since(seen)
	lines := float64(b.N) * numLines
	if got.Lines != int64(lines) {
		b.Errorf("%d lines arrived, want %.0f", got.Lines, lines)
	}
	if cpu > 0 {
		b.ReportMetric(float64(cpu.Nanoseconds())/lines, "cpu-ns/line")
	}
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/lines, "allocs/line")
	b.ReportMetric(float64(got.WireBytes)/lines, "wire-bytes/line")
	b.ReportMetric(lines/took.Seconds(), "lines/s")
}

// TestBareDelivers keeps the floor honest: it must deliver what it is measured for.
func TestBareDelivers(t *testing.T) {
	const n = 40_001
	path, srv := logFile(t, n), startServer(t)
	c := newBare(srv.url)
	defer c.close()
	if err := c.drain(path); err != nil {
		t.Fatal(err)
	}
	got := srv.counts(t)
	if got.Lines != n {
		t.Errorf("%d lines arrived, want %d", got.Lines, n)
	}
	if least := int64(n * lineSize / bareBody); got.Requests < least || got.Requests > least+least/4+1 {
		t.Errorf("%d requests", got.Requests)
	}
}
