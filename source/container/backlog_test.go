package container

import (
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// A log of the past that takes long to read keeps nobody waiting who runs: what that
// writes is deleted soon.
func TestBacklogs(t *testing.T) {
	generations(t, func(r *rig) {
		old := r.run(containertest.Spec{Name: "old"})
		write(old, 0, 10)
		old.Exit(0)
		r.settle(time.Minute) // events tell of it no more
		r.engine.Inject(containertest.Fault{On: containertest.Read, Container: "old", Frames: 1, Do: containertest.Stall(25 * time.Second)})
		r.start()
		r.settle(time.Second)
		c := r.run(containertest.Spec{MaxSize: 20_000, MaxFiles: 2})
		var all []string
		for i := range 200 {
			write(c, 10*i, 10)
			r.settle(100 * time.Millisecond)
			now := retained(c)
			all = append(all, now[len(now)-10:]...)
		}
		r.settle(time.Minute)
		r.check(c, all)
		r.check(old, retained(old))
	})
}

// A container that is started while thousands that have ended are looked at for the
// first time does not wait for them; it may be removed soon.
func TestStartedIsFirst(t *testing.T) {
	generations(t, func(r *rig) {
		var again *containertest.Container
		for range 1000 {
			again = r.run(containertest.Spec{})
			write(again, 0, 1)
			again.Exit(0)
		}
		r.settle(time.Minute)
		for _, on := range []containertest.Endpoint{containertest.Inspect, containertest.Read} {
			r.engine.Inject(containertest.Fault{On: on, Count: -1, After: containertest.BeforeHeaders, Do: containertest.Stall(10 * time.Millisecond)})
		}
		r.start()
		r.settle(100 * time.Millisecond)
		again.Start()
		again.Print("again")
		young := r.run(containertest.Spec{AutoRemove: true})
		young.Print("young")
		r.settle(100 * time.Millisecond)
		r.check(young, []string{"stdout young"})
		r.check(again, []string{"stdout line 0", "stdout again"})
		young.Exit(0)
		r.settle(30 * time.Second)
		if n := len(r.receiver.Lines()); n != 1002 {
			t.Errorf("%d lines delivered, want 1002", n)
		}
	})
}
