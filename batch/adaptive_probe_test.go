package batch

import (
	"testing"
	"time"
)

// gone is a driver whose destination has been away for ten minutes, so that the gate is shut.
func gone(t *testing.T) *driver {
	t.Helper()
	d := drive()
	d.write(1<<20, 50*time.Millisecond, Delivered)
	for from := d.now; d.now.Sub(from) < 10*time.Minute; d.rest() {
		d.write(64<<10, time.Millisecond, Failed)
	}
	return d
}

// A probe that a breaker refuses, or one stream that is told to wait, says nothing about the destination. The next one
// does not wait for the answer to it, which there has been.
func TestAdaptiveProbesAgainAfterOneThatSaysNothing(t *testing.T) {
	d := gone(t)
	if l := d.limits(0); l.Timeout != longest*time.Second {
		t.Fatalf("the premise: a probe is given %v", l.Timeout)
	}
	d.write(64<<10, time.Millisecond, Inconclusive)
	if waited := d.rest(); waited > 6*time.Second || waited < 100*time.Millisecond {
		t.Errorf("the next probe begins after %v", waited)
	}
	d.write(64<<10, time.Millisecond, Delivered)
	if l := d.limits(0); l.Timeout != 0 || l.Pause != 0 {
		t.Errorf("it is back: %+v", l)
	}
}

// Writes that come back have come back, whatever they say: where each stream is told to wait there is no silence.
func TestAdaptiveIsToldSomething(t *testing.T) {
	d := drive()
	for range 100 {
		d.limits(3)
		d.begun += 1000
		d.now = d.now.Add(100 * time.Millisecond)
		d.Observe(Outcome{Entries: 10, Bytes: 1000, InFlight: 3, Took: 20 * time.Millisecond, Class: Inconclusive, Now: d.now})
	}
	if l := d.limits(3); l.Timeout != 0 {
		t.Errorf("the gate is shut: %+v", l)
	}
}
