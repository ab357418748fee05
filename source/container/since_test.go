package container

import (
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// An engine asked for what came after some time leaves out a compressed file whose last
// message is older, though its clock was set back within the file: what was delivered
// last is in there, and nothing is delivered twice.
func TestSinceMissesAnchor(t *testing.T) {
	bubble(t, containertest.Gen26, func(r *rig) {
		c := r.run(containertest.Spec{MaxSize: 8 << 20, MaxFiles: 20, Compress: true})
		write(c, 0, 1000)
		r.start()
		r.settle(5 * time.Second)
		r.stop()
		r.engine.StepClock(-time.Minute)
		for n := 1000; n < 200_000; n += 1000 {
			write(c, n, 1000)
		}
		r.engine.StepClock(2 * time.Minute)
		for n := 200_000; n < tailMax+5000; n += 1000 {
			write(c, n, 1000)
		}
		r.start()
		r.settle(10 * time.Second)
		r.check(c, retained(c))
	})
}
