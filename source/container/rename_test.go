package container

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// labelled are the lines that were delivered, with the name in their labels.
func (r *rig) labelled() (all []string) {
	for _, p := range r.receiver.Delivered() {
		for i := range p.Entries {
			e := &p.Entries[i]
			all = append(all, fmt.Sprintf("%s of %s", e.Line, e.Labels.Get("container")))
		}
	}
	return all
}

// The labels of a renamed container change even if it could not be looked at, or was
// excluded, in between.
func TestRenamedMeanwhile(t *testing.T) {
	generations(t, func(r *rig) {
		r.cfg.Exclude = []Match{{Name: "^hidden$"}}
		c := r.run(containertest.Spec{Name: "first"})
		c.Print("1")
		r.start()
		r.settle(5 * time.Second)
		r.engine.Inject(containertest.Fault{On: containertest.Inspect, After: containertest.BeforeHeaders, Do: containertest.Status(500, "trouble")})
		c.Rename("second")
		r.settle(5 * time.Second)
		c.Print("2")
		r.settle(5 * time.Second)
		c.Rename("hidden")
		r.settle(5 * time.Second)
		c.Rename("third")
		r.settle(5 * time.Second)
		c.Print("3")
		r.settle(5 * time.Second)
		if got, want := r.labelled(), []string{"1 of first", "2 of second", "3 of third"}; !slices.Equal(got, want) {
			t.Errorf("delivered %q, want %q", got, want)
		}
	})
}
