package batch

import (
	"testing"
	"time"
)

// A bucket accepts rate bytes a second, burst of them at once.
type bucket struct {
	rate, burst, tokens float64
	at                  time.Time
}

func (b *bucket) take(now time.Time, bytes int) Class {
	if !b.at.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	if float64(bytes) > b.tokens {
		return Throttled
	}
	b.tokens -= float64(bytes)
	return Delivered
}

// Under overload, once the rate has been found, most of what could be accepted gets through, and few requests are in
// vain.
func TestAdaptiveKeepsToTheRate(t *testing.T) {
	for _, told := range []time.Duration{0, time.Second} {
		for _, burst := range []float64{100_000, 2e6, 6e6} {
			b := &bucket{rate: 4e6, burst: burst, tokens: burst}
			d := drive()
			counts := map[Class]int{}
			passed := 0
			for d.now.Before(start.Add(5 * time.Minute)) {
				d.rest()
				size := d.limits(0).MaxBytes
				class := b.take(d.now, size)
				counts[class]++
				if class == Delivered && d.now.After(start.Add(time.Minute)) {
					passed += size
				}
				d.begun += int64(size)
				d.now = d.now.Add(5 * time.Millisecond)
				o := Outcome{Entries: 10, Bytes: size, InFlight: 1, Took: 5 * time.Millisecond, Class: class, Now: d.now}
				if class == Throttled {
					o.RetryAfter = told
				}
				d.Observe(o)
			}
			t.Logf("told %v, burst %.0f: %.1f %% of the rate, %d requests accepted, %d refused", told, burst,
				float64(passed)/240/b.rate*100, counts[Delivered], counts[Throttled])
			if float64(passed) < 0.7*240*b.rate || counts[Throttled] > 40+counts[Delivered]/10 {
				t.Errorf("told %v, burst %.0f: %.2f MB/s of 4, %d accepted, %d refused", told, burst, float64(passed)/240e6,
					counts[Delivered], counts[Throttled])
			}
		}
	}
}

func TestAdaptiveRetryAfter(t *testing.T) {
	for _, c := range []Class{Throttled, Failed} {
		d := drive()
		d.write(1000, time.Millisecond, Delivered)
		d.Observe(Outcome{Entries: 10, Bytes: 1000, InFlight: 1, Took: time.Millisecond, Class: c, RetryAfter: 47 * time.Second, Now: d.now})
		if waited := d.rest(); waited < 47*time.Second || waited > 48*time.Second {
			t.Errorf("class %d: waited %v", c, waited)
		}
	}
}

// A clock that is set while there is a pause does not make it longer.
func TestAdaptivePausesEndWhenTheClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		d := drive()
		d.write(1000, time.Millisecond, Delivered)
		d.Observe(Outcome{Entries: 10, Bytes: 1000, InFlight: 1, Took: time.Millisecond, Class: Throttled, RetryAfter: 10 * time.Second, Now: d.now})
		d.now = d.now.Add(step)
		if waited := d.rest(); waited > 11*time.Second {
			t.Errorf("clock set by %v: waited %v", step, waited)
		}
		d.write(1000, time.Millisecond, Delivered)
	}
}

// What says nothing about the destination changes nothing, but that it came back.
func TestAdaptiveIgnoresTheInconclusive(t *testing.T) {
	d := drive()
	d.write(1000, time.Millisecond, Delivered)
	before := *d.Adaptive
	d.Observe(Outcome{Entries: 10, Bytes: 1000, InFlight: 1, Took: time.Minute, Class: Inconclusive, RetryAfter: time.Hour, Now: d.now.Add(time.Hour)})
	before.gate.heard = d.gate.heard
	if d.gate != before.gate || d.pace != before.pace || d.cost != before.cost || d.size != before.size || d.window.n != before.window.n {
		t.Error("changed by an outcome that is inconclusive")
	}
}

// A route tells of a Write somewhat after it has ended, and of one after the other: times that go back a little are no
// reason to count what lies between twice.
func TestAdaptiveIsToldLate(t *testing.T) {
	d := drive()
	d.write(1<<20, 50*time.Millisecond, Delivered)
	d.Observe(Outcome{Entries: 10, Bytes: 1 << 20, InFlight: 1, Took: time.Millisecond, Class: Throttled, RetryAfter: 10 * time.Second, Now: d.now})
	from := d.now
	for range 1000 { // that were in flight
		d.now = d.now.Add(time.Millisecond)
		d.limits(8)
		d.Observe(Outcome{Entries: 10, Bytes: 1000, InFlight: 8, Took: 2 * time.Second, Class: Delivered, Now: d.now.Add(-20 * time.Millisecond)})
	}
	d.rest()
	if waited := d.now.Sub(from); waited < 9900*time.Millisecond {
		t.Errorf("a pause of 10 s is over after %v", waited)
	}
}
