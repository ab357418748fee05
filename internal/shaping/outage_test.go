package shaping

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// After an outage of 30 s, be it refusals or silence, the adaptive shaper is found to write again soon, and as fast as
// before: what it had learnt is not lost, and nobody is overrun.
func TestDrainAfterAnOutage(t *testing.T) {
	places := map[string]Destination{
		"near": {RTT: time.Millisecond, Fixed: 3 * time.Millisecond, PerByte: 30, Slots: 8, Ratio: 0.3, Jitter: 0.2},
		"far":  {RTT: 150 * time.Millisecond, Fixed: 5 * time.Millisecond, PerByte: 30, Slots: 16, Ratio: 0.3, Jitter: 0.2},
		"file": {Fixed: 50 * time.Microsecond, PerByte: 5, Slots: 1, Ratio: 1, Jitter: 0.1},
	}
	const from, to, end = 20 * time.Second, 50 * time.Second, 75 * time.Second
	for name, d := range places {
		for _, hangs := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, hangs %v", name, hangs), func(t *testing.T) {
				d.Outages = []Outage{{from, to, hangs}}
				r := Regime{Destination: d, Arrivals: Arrivals{EntryBytes: 300, Burst: 10}}
				tr := r.Arrivals.draw(r.rng(1), 1.5*d.bound(), end)
				run := r.route(overload, &tr, Ours())
				var before, after int
				var again time.Duration
				probes := 0
				run.watch = func(s Sample) {
					switch {
					case s.Class != batch.Delivered:
						probes++
					case s.At > from-10*time.Second && s.At < from:
						before += s.Bytes
					case s.At > to && again == 0:
						again = s.At - to
					case s.At > to+again && s.At < to+again+10*time.Second:
						after += s.Bytes
					}
				}
				run.run(end)
				t.Logf("%.1f MB/s before, %.1f after; noticed after %v; %d Writes in vain", float64(before)/10e6, float64(after)/10e6, again, probes)
				if again > 7*time.Second || float64(after) < 0.9*float64(before) || probes > 120 {
					t.Errorf("%.1f MB/s before, %.1f after; noticed after %v; %d Writes in vain", float64(before)/10e6, float64(after)/10e6, again, probes)
				}
			})
		}
	}
}
