package sink

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// opened returns a gate that is open for a second.
func opened(t *testing.T) *gate {
	t.Helper()
	g := newGate(BreakerConfig{Failures: 1, OpenFor: time.Second, Jitter: -1}.withDefaults())
	p, err := g.admit()
	if err != nil {
		t.Fatal(err)
	}
	g.giveBack(p, errors.New("down"))
	return g
}

// Who was admitted before the gate opened, and comes to it afterwards, does not go through, and leaves the place of the
// probe to others.
func TestGateOpensUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := opened(t)
		time.Sleep(time.Millisecond)
		done, err := g.counter.Allow()
		if err != nil {
			t.Fatal(err) // to the counter it is half-open
		}
		if _, ok := g.enter(done); ok {
			t.Error("went through an open gate")
		}
		time.Sleep(time.Second)
		p, err := g.admit()
		if err != nil || !p.probe {
			t.Fatalf("probe: %v, %v", p.probe, err)
		}
		g.giveBack(p, nil)
		if s, _ := g.look(time.Now()); s != Closed {
			t.Error(s)
		}
	})
}

// How long to wait beside a probe goes by the one under way, not by one that is over.
func TestGateForgetsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := opened(t)
		time.Sleep(time.Second)
		p, err := g.admit()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		if after, _ := After(g.refusal()); after != 7*time.Second {
			t.Errorf("beside a probe of 7 s: %v", after)
		}
		g.giveBack(p, errExcluded)
		done, err := g.counter.Allow() // by one that has not come to the gate yet
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.admit()
		if after, _ := After(err); after != leastBesideProbe {
			t.Errorf("beside a new one: %v", after)
		}
		done(nil)
	})
}
