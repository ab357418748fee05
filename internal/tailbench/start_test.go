//go:build linux

package tailbench

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// A startCost is what it takes to begin with files that hold a line each.
type startCost struct{ cpu, took time.Duration }

// measureStart has the subject find n files of that age in dir: they are there, or all made while it follows none.
func measureStart(tb testing.TB, dir string, n int, age time.Duration, later bool) startCost {
	tb.Helper()
	o := order{Subject: "logferry", Pattern: filepath.Join(dir, "*.log")}
	if !later {
		o.Paths = makeFiles(tb, dir, n, age)
	}
	var before time.Duration
	start := time.Now()
	p := launch(tb, o)
	defer p.stop()
	lines := p.hear().Lines
	if later {
		before, start = p.cpu(), time.Now()
		makeFiles(tb, dir, n, age)
	}
	for end := start.Add(time.Minute); lines < n && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		lines = p.report().Lines
	}
	if lines != n {
		tb.Errorf("%d lines came, want %d", lines, n)
	}
	return startCost{p.cpu() - before, time.Since(start)}
}

// BenchmarkStart finds many files at once: old ones, some that were written a moment ago, and some that are made while
// it runs. The time includes making those.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for _, files := range []struct {
			name  string
			age   time.Duration
			later bool
		}{{"old", time.Hour, false}, {"new", 0, false}, {"later", 0, true}} {
			b.Run(fmt.Sprintf("files=%d/%s", n, files.name), func(b *testing.B) {
				var c startCost
				for b.Loop() {
					c = measureStart(b, b.TempDir(), n, files.age, files.later)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(c.cpu.Seconds(), "cpu-s")
				b.ReportMetric(c.took.Seconds(), "s")
			})
		}
	}
}

// TestStart: the figures are those of a subject that reads every file.
func TestStart(t *testing.T) {
	for _, later := range []bool{false, true} {
		if c := measureStart(t, t.TempDir(), 20, 0, later); c.cpu <= 0 || c.took <= 0 {
			t.Errorf("later %v: %+v", later, c)
		}
	}
}
