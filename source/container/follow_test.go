package container

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

func TestFollow(t *testing.T) {
	generations(t, func(r *rig) {
		a := r.run(containertest.Spec{Name: "web-1", Image: "nginx:1.27", Labels: map[string]string{
			"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}})
		b := r.run(containertest.Spec{Name: "db", Driver: "local"})
		tty := r.run(containertest.Spec{Name: "shell", Tty: true})
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
		e := r.receiver.Delivered()[0].Entries[0]
		t.Log(e.Labels, e.Attrs)
		if s := r.engine.Stats(); s.MaxFollows > 1 {
			t.Errorf("%+v", s)
		}
		t.Logf("%+v", r.engine.Stats())
	})
}
