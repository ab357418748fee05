//go:build linux

package tailbench

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var (
	window     = flag.Duration("window", 20*time.Second, "how long idle subjects are watched")
	settle     = flag.Duration("settle", 25*time.Second, "how long they are left alone before that, to come to rest")
	profileDir = flag.String("profiles", "", "where to put CPU profiles of the idle subjects")
)

// An idleCost is what a subject takes while nothing is written.
type idleCost struct {
	cpu         float64 // per cent of a core
	resident    int64   // bytes
	goroutines  int
	descriptors int
}

func watchIdle(tb testing.TB, o order, settle, window time.Duration) idleCost {
	tb.Helper()
	if *profileDir != "" {
		o.Profile = filepath.Join(*profileDir, fmt.Sprintf("%s-%d.pprof", filepath.Base(o.Subject), len(o.Paths)))
	}
	p := launch(tb, o)
	defer p.stop()
	p.hear()
	time.Sleep(settle)
	p.report()
	before, start := p.cpu(), time.Now()
	time.Sleep(window)
	used, took := p.cpu()-before, time.Since(start)
	return idleCost{
		cpu:         100 * float64(used) / float64(took),
		resident:    p.resident(),
		descriptors: p.descriptors(),
		goroutines:  p.report().Goroutines,
	}
}

// BenchmarkIdle follows files that nobody writes to.
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		o := idleFiles(b, n)
		subjects := []string{"bare", "logferry", "logferry/nowatch", "nxadm/inotify", "nxadm/poll", "nxtail", tailF}
		switch n {
		case 1:
			subjects = subjects[:2] // for its goroutines
		case 10_000:
			// It takes two descriptors for each file, more than there usually are.
			subjects = slices.DeleteFunc(subjects, func(s string) bool { return s == "nxtail" })
		}
		for _, subject := range subjects {
			b.Run(fmt.Sprintf("files=%d/%s", n, subject), func(b *testing.B) {
				o.Subject = subject
				var c idleCost
				for b.Loop() {
					c = watchIdle(b, o, *settle, *window)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(c.cpu, "%core")
				b.ReportMetric(float64(c.resident)/(1<<20), "MiB-rss")
				b.ReportMetric(float64(c.descriptors), "fds")
				if subject != tailF {
					b.ReportMetric(float64(c.goroutines), "goroutines")
				}
			})
		}
	}
}

// TestIdle: the figures are those of subjects that work.
func TestIdle(t *testing.T) {
	o := idleFiles(t, 20)
	var costs [2]idleCost
	for i, subject := range []string{"bare", "logferry"} {
		o.Subject = subject
		costs[i] = watchIdle(t, o, 0, 50*time.Millisecond)
	}
	if bare, ours := costs[0], costs[1]; bare.resident == 0 || ours.resident == 0 || ours.goroutines <= bare.goroutines ||
		ours.descriptors < bare.descriptors+20 || ours.cpu < 0 {
		t.Errorf("bare %+v, logferry %+v", bare, ours)
	}
}
