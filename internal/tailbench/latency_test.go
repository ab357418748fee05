//go:build linux

package tailbench

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// A rhythm is when lines are written.
type rhythm struct {
	name  string
	lines int
	gap   func() time.Duration
}

var rhythms = []rhythm{
	{"gaps=1-40ms", 500, func() time.Duration { return time.Millisecond + rand.N(39*time.Millisecond) }},
	{"gaps=1ms", 2_000, func() time.Duration { return time.Millisecond }},
	{"gaps=300ms", 30, func() time.Duration { return 300 * time.Millisecond }},
}

// measureLatency writes lines one by one and returns, sorted, how long each took to be delivered.
func measureLatency(tb testing.TB, o order, r rhythm) []time.Duration {
	tb.Helper()
	p := launch(tb, o)
	defer p.stop()
	p.hear()
	f, err := os.OpenFile(o.Paths[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	write := func(line []byte) {
		if _, err := f.Write(line); err != nil {
			tb.Fatal(err)
		}
	}
	// tail -F does not tell when it is ready: the first line that comes does.
	for end := time.Now().Add(time.Minute); p.report().Lines == 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		write(numbered(0))
	}
	var delays []time.Duration
	for range r.lines {
		time.Sleep(r.gap())
		write(stamped())
	}
	for end := time.Now().Add(time.Minute); len(delays) < r.lines && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		delays = append(delays, p.report().Latencies...)
	}
	if len(delays) != r.lines {
		tb.Errorf("%s: %d lines came, want %d", o.Subject, len(delays), r.lines)
	}
	slices.Sort(delays)
	return delays
}

// BenchmarkLatency is how long a line takes from before its write to Send, or to where nxadm/tail and tail -F deliver.
func BenchmarkLatency(b *testing.B) {
	for _, r := range rhythms {
		for _, subject := range []string{"logferry", "logferry/nowatch", "nxadm/inotify", "nxadm/poll", "nxtail", tailF} {
			b.Run(r.name+"/"+subject, func(b *testing.B) {
				var delays []time.Duration
				for b.Loop() {
					o := longFile(b, 0)
					o.Subject = subject
					delays = measureLatency(b, o, r)
				}
				b.ReportMetric(0, "ns/op")
				for name, share := range map[string]float64{"ms-p50": 0.5, "ms-p99": 0.99, "ms-max": 1} {
					at := min(int(share*float64(len(delays))), len(delays)-1)
					b.ReportMetric(float64(delays[at])/float64(time.Millisecond), name)
				}
			})
		}
	}
}

// TestLatency: each subject delivers every line.
func TestLatency(t *testing.T) {
	few := rhythm{"few", 10, func() time.Duration { return time.Millisecond }}
	for _, subject := range []string{"logferry", "logferry/nowatch", "nxadm/inotify", "nxadm/poll", "nxtail", tailF} {
		o := longFile(t, 0)
		o.Subject = subject
		if delays := measureLatency(t, o, few); len(delays) > 0 && delays[0] <= 0 {
			t.Errorf("%s: delays %v", subject, delays)
		}
	}
}
