package spillbench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// BenchmarkLoneWriter has a plain loop and a Spill take turns record by record, so that what else the machine is doing
// meets both alike, which it does not where whole runs take turns. It reports how fast the Spill is as a share of the
// plain loop's speed, one record at a time, at the first quartile, which others disturb least, and at the median.
func BenchmarkLoneWriter(b *testing.B) {
	const rounds, bytes = 10, 16 << 20
	for _, size := range []int{4 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("record=%dKiB", size>>10), func(b *testing.B) {
			var took [2][]time.Duration
			for b.Loop() {
				for range rounds {
					inTurns(b, size, min(bytes/size, 256), &took)
				}
			}
			for i := range took {
				slices.Sort(took[i])
			}
			at := func(i int, share int) time.Duration { return took[i][len(took[i])*share/100] }
			b.ReportMetric(0, "ns/op")
			for _, share := range []int{25, 50} {
				b.ReportMetric(float64(at(0, share).Microseconds()), fmt.Sprintf("plain-p%d-µs", share))
				b.ReportMetric(float64(at(1, share).Microseconds()), fmt.Sprintf("spill-p%d-µs", share))
				b.ReportMetric(float64(at(0, share))/float64(at(1, share)), fmt.Sprintf("spill/plain-p%d", share))
			}
		})
	}
}

// inTurns adds how long each record took the first two subjects, the plain loop and the Spill.
func inTurns(b *testing.B, size, records int, took *[2][]time.Duration) {
	one := record(size)
	var write [2]func(*batch.Batch) error
	for i := range write {
		var end func()
		write[i], end = subjects[i].open(b, b.TempDir())
		defer end()
	}
	for k := range records {
		for turn := range write {
			i := (k + turn) % len(write)
			began := time.Now()
			if err := write[i](one); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
}
