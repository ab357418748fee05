package container

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/container/containertest"
)

func TestFollow(t *testing.T) {
	generations(t, func(r *rig) {
		a := r.run(containertest.Spec{Name: "web-1", Image: "nginx:1.27", Labels: map[string]string{
			"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}})
		b := r.run(containertest.Spec{Name: "db", Driver: "local"})
		tty := r.run(containertest.Spec{Name: "shell", Tty: true})
		labels := map[string]batch.Labels{
			a.ID():   batch.MustLabels("container", "web-1", "image", "nginx:1.27", "compose_project", "shop", "compose_service", "web"),
			b.ID():   batch.MustLabels("container", "db", "image", "image"),
			tty.ID(): batch.MustLabels("container", "shell", "image", "image"),
		}
		a.Print("before")
		r.start()
		r.settle(3 * time.Second)
		for i := range 5 {
			a.Print(fmt.Sprintf("line %d", i))
			b.Write(containertest.Stderr, []byte(fmt.Sprintf("error %d\n", i)))
			tty.Print(fmt.Sprintf("out %d", i))
			r.settle(time.Second)
		}
		a.Print(strings.Repeat("x", 40_000))
		a.Write(containertest.Stdout, []byte("no newline"))
		r.settle(3 * time.Second)
		a.Stop()
		r.settle(3 * time.Second)
		a.Start()
		a.Print("again")
		r.settle(3 * time.Second)
		for _, c := range []*containertest.Container{a, b, tty} {
			r.check(c, retained(c))
		}
		for _, p := range r.receiver.Delivered() {
			for i := range p.Entries {
				e := &p.Entries[i]
				if want := labels[attr(e, "container_id")]; e.Labels != want {
					t.Errorf("labels %v, want %v", e.Labels, want)
				}
			}
		}
		if s := r.engine.Stats(); s.MaxFollows > 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A container that is started again while its log is read, because it had ended,
// may have written a part of a line in its new run.
func TestStartedAgainMeanwhile(t *testing.T) {
	generations(t, func(r *rig) {
		c := r.run(containertest.Spec{})
		c.Print("first run")
		r.start()
		r.settle(3 * time.Second)
		stall := r.engine.Inject(containertest.Fault{On: containertest.Read, After: containertest.BeforeHeaders, Do: containertest.Stall(3 * time.Second)})
		c.Exit(0)
		r.settle(time.Second)
		c.Start()
		c.Write(containertest.Stdout, []byte(strings.Repeat("x", 20_000)))
		r.settle(5 * time.Second)
		if stall.Hits() != 1 {
			t.Errorf("%d reads were stalled", stall.Hits())
		}
		c.Print(" and its end")
		r.settle(5 * time.Second)
		r.check(c, retained(c))
	})
}
