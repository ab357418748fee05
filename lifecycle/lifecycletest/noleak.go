package lifecycletest

import (
	"testing"
	"time"
)

// leakPatience is how long an ended goroutine may take to be gone. What ends at all ends in microseconds; the rest is for
// a machine that is busy.
const leakPatience = 10 * time.Second

// NoLeak makes t fail at its end, with their stacks, if goroutines that were started meanwhile are still there 10 s later.
// Call it first, so that it looks after all other cleanups are through. It sees the whole process: a test that calls it
// must not run in parallel with others, and connections that net/http keeps idle count.
func NoLeak(t testing.TB) {
	t.Helper()
	before := takeBaseline()
	t.Cleanup(func() {
		t.Helper()
		if left := before.newcomers(leakPatience); len(left) > 0 {
			t.Errorf("lifecycletest: the test left %d goroutines behind:\n%s", len(left), text(left))
		}
	})
}
