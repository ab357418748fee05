package container

import (
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// An engine that does not list its containers, or takes too long for it, is read all
// the same.
func TestReadsUnlisted(t *testing.T) {
	generations(t, func(r *rig) {
		polled := r.run(containertest.Spec{MaxSize: 20_000, MaxFiles: 2})
		write(polled, 0, 1)
		r.start()
		r.settle(5 * time.Second)
		broken := r.engine.Inject(containertest.Fault{On: containertest.List, Count: -1, After: containertest.BeforeHeaders,
			Do: containertest.Stall(time.Minute)})
		r.settle(5 * time.Minute)
		write(polled, 1, 1)
		young := r.run(containertest.Spec{})
		write(young, 0, 1)
		r.settle(5 * time.Second)
		r.check(polled, retained(polled))
		r.check(young, retained(young))
		r.engine.Restart(true, 10*time.Second)
		r.settle(2 * time.Minute)
		write(polled, 2, 1)
		write(young, 1, 1)
		r.settle(time.Minute)
		r.check(polled, retained(polled))
		r.check(young, retained(young))
		broken.Remove()
		r.settle(2 * time.Minute)
		if told, ended := r.logged.lines("does not list"), r.logged.lines("lists its containers again"); len(told) != 1 || len(ended) != 1 {
			t.Errorf("logged %q and %q, want each once", told, ended)
		}
	})
}
