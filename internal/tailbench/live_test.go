//go:build linux

package tailbench

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A liveCost is what a subject takes while one file is written.
type liveCost struct {
	cpu  float64 // per cent of a core
	each time.Duration
	lost int // lines that had not come when none had for ten seconds, or, of ours, for a minute
}

// measureLive writes that many lines a second for a while, each by a write of its own, a few every millisecond.
func measureLive(tb testing.TB, o order, rate int, during time.Duration) liveCost {
	tb.Helper()
	p := launch(tb, o)
	defer p.stop()
	p.hear()
	f, err := os.OpenFile(o.Paths[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	written := 0
	write := func() {
		if _, err := f.Write(numbered(written)); err != nil {
			tb.Fatal(err)
		}
		written++
	}
	// tail -F does not tell when it is ready: the first line that comes does.
	for end := time.Now().Add(time.Minute); p.report().Lines == 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		write()
	}
	calm, patience := 500*time.Millisecond, 10*time.Second
	if strings.HasPrefix(o.Subject, "logferry") { // which delivers every line, sooner or later
		calm, patience = time.Minute, time.Minute
	}
	base := arrivals(p, written, calm)
	written = 0
	before, start := p.cpu(), time.Now()
	for time.Since(start) < during {
		for due := int(time.Since(start).Seconds() * float64(rate)); written < due; {
			write()
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start)
	lines := arrivals(p, base+written, patience) - base
	used := p.cpu() - before
	return liveCost{100 * float64(used) / float64(took), used / time.Duration(written), written - lines}
}

// arrivals waits until n lines have come, or none has for as long as calm, and returns how many have.
func arrivals(p *process, n int, calm time.Duration) int {
	lines, since := p.report().Lines, time.Now()
	for lines < n && time.Since(since) < calm {
		time.Sleep(50 * time.Millisecond)
		if now := p.report().Lines; now != lines {
			lines, since = now, time.Now()
		}
	}
	return lines
}

// BenchmarkLive follows a file that is written ten thousand lines a second, and a hundred.
func BenchmarkLive(b *testing.B) {
	for _, r := range []struct {
		name string
		rate int
	}{{"lines=10000", 10_000}, {"lines=100", 100}} {
		for _, subject := range []string{"logferry", "logferry/pipeline", "nxadm/inotify", "nxadm/poll", tailF} {
			b.Run(r.name+"/"+subject, func(b *testing.B) {
				var c liveCost
				for b.Loop() {
					o := longFile(b, 0)
					o.Subject = subject
					c = measureLive(b, o, r.rate, 5*time.Second)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(c.cpu, "%core")
				b.ReportMetric(float64(c.each), "cpu-ns/line")
				b.ReportMetric(float64(c.lost), "lost")
			})
		}
	}
}

// TestLive: the figures are those of subjects that deliver lines, and of ours every one.
func TestLive(t *testing.T) {
	for _, subject := range []string{"logferry", "logferry/pipeline", "nxadm/inotify", "nxadm/poll", tailF} {
		o := longFile(t, 0)
		o.Subject = subject
		if c := measureLive(t, o, 1_000, 50*time.Millisecond); c.cpu <= 0 || c.lost != 0 && strings.HasPrefix(subject, "logferry") {
			t.Errorf("%s: %+v", subject, c)
		}
	}
}
