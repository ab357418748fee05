//go:build linux

package tailbench

import "testing"

// readLines is how many lines the file has that is read: 64 MiB.
const readLines = 64 << 20 / lineLen

func measureRead(tb testing.TB, o order) report {
	tb.Helper()
	p := launch(tb, o)
	defer p.stop()
	return p.hear()
}

// BenchmarkRead reads a file that is in the page cache.
func BenchmarkRead(b *testing.B) {
	o := longFile(b, readLines)
	for _, subject := range []string{"bufio.Scanner", "logferry", "nxadm/inotify", "nxadm/poll", "nxtail"} {
		b.Run(subject, func(b *testing.B) {
			o.Subject, o.Rounds = subject, 5
			var r report
			for b.Loop() {
				r = measureRead(b, o)
			}
			if r.Lines != o.Rounds*o.Lines {
				b.Errorf("%d lines, want %d", r.Lines, o.Rounds*o.Lines)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(r.CPU)/float64(r.Lines), "cpu-ns/line")
			b.ReportMetric(float64(r.Mallocs)/float64(r.Lines), "allocs/line")
		})
	}
}

// TestRead: each subject reads every line.
func TestRead(t *testing.T) {
	o := longFile(t, 5_000)
	o.Rounds = 2
	for _, subject := range []string{"bufio.Scanner", "logferry", "nxadm/inotify", "nxadm/poll", "nxtail"} {
		o.Subject = subject
		if r := measureRead(t, o); r.Lines != o.Rounds*o.Lines || r.CPU <= 0 {
			t.Errorf("%s: %+v, want %d lines", subject, r, o.Rounds*o.Lines)
		}
	}
}
