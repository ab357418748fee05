package sinktest

import (
	"context"
	"testing"

	"github.com/logferry/logferry/lifecycle/lifecycletest"
)

// Run checks the Sinks that open returns, a fresh one with an empty destination for every check, and reports through
// subtests of t. What open needs to undo it registers with Cleanup of the t it is given; the Sink is closed before
// that. Run looks for goroutines left behind in the whole process: t must not run in parallel with other tests.
func Run(t *testing.T, open func(t testing.TB) Target) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.on(t, open) })
	}
}

// A check is one property of a Sink.
type check struct {
	name string
	run  func(h *harness)
}

var checks = []check{
	{"delivers", delivers},
	{"takes what is hostile", takesHostile},
	{"refuses by the line", refusesByLine},
	{"takes an empty batch", takesEmpty},
	{"writes a subset", writesSubset},
	{"writes concurrently", writesConcurrently},
	{"minds a cancelled context", mindsCancelled},
	{"minds a stalled destination", mindsStall},
	{"reports a broken destination", reportsBreak},
	{"closes under a cancelled context", closesCancelled},
}

// on runs the check for one Sink.
func (c check) on(t testing.TB, open func(testing.TB) Target) {
	t.Helper()
	lifecycletest.NoLeak(t)
	h := start(t, open(t))
	c.run(h)
	h.verify()
	h.close(context.Background())
	if !t.Failed() {
		h.verify()
	}
}
