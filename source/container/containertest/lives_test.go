package containertest_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/logferry/logferry/source/container/containertest"
)

// Containers live and die, ten at a time, and are all followed.
func TestLives(t *testing.T) {
	each := 200
	if os.Getenv("LOGFERRY_SOAK") != "" {
		each = 1000
	}
	synctest.Test(t, func(t *testing.T) {
		e := containertest.New(containertest.Config{})
		defer e.Close()
		c := connect(t, e)
		var wg sync.WaitGroup
		for w := range 10 {
			wg.Go(func() {
				for range each {
					live(t, e, c, w)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		s := e.Stats()
		if s.Containers != 0 || s.Follows != 0 || s.MaxFollows != 1 || s.MaxConns > 20 || s.Requests[containertest.Follow] != 10*each {
			t.Errorf("in the end: %+v", s)
		}
	})
}

// live lives once, and follows that.
func live(t *testing.T, e *containertest.Engine, c *client.Client, w int) {
	box := e.Create(containertest.Spec{Labels: map[string]string{"worker": fmt.Sprint(w)}})
	ok := box.Start() == nil
	body, err := c.ContainerLogs(t.Context(), box.ID(), container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: true, Timestamps: true})
	if err != nil {
		t.Error(err)
		return
	}
	f := follow{t: t, body: body}
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint(i))
		ok = box.Print(fmt.Sprint(i)) == nil && ok
		time.Sleep(11 * time.Millisecond)
	}
	ok = box.Exit(0) == nil && ok
	got, err := f.rest()
	body.Close()
	if ok = box.Remove() == nil && ok; !ok || got != strings.Join(want, " ") || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Of a container that was removed nothing is kept.
func TestMemory(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		var gone []weak.Pointer[containertest.Container]
		for range 10 {
			box := numbered(t, e, containertest.Spec{}, 3)
			f := following(t, e, box.ID(), "all")
			f.read(3)
			logs(t, c, box.ID(), everything)
			must(t, box.Remove())
			f.rest()
			gone = append(gone, weak.Make(box))
		}
		synctest.Wait()
		runtime.GC()
		runtime.GC()
		for i, box := range gone {
			if box.Value() != nil {
				t.Errorf("container %d of %d is still held", i, len(gone))
			}
		}
	})
}

// An engine is reached at a socket as well.
func TestServe(t *testing.T) {
	e := containertest.New(containertest.Config{})
	defer e.Close()
	path := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no unix sockets here:", err)
	}
	e.Serve(l)
	c, err := client.NewClientWithOpts(client.WithHost("unix://"+filepath.ToSlash(path)), client.WithAPIVersionNegotiation())
	must(t, err)
	defer c.Close()
	box := e.Create(containertest.Spec{Name: "shop"})
	must(t, box.Start())
	must(t, box.Print("x"))
	if got := names(t, c, container.ListOptions{}); !slices.Equal(got, []string{"/shop"}) {
		t.Errorf("got %q", got)
	}
	o := everything
	o.Follow = true
	body, err := c.ContainerLogs(t.Context(), "shop", o)
	must(t, err)
	defer body.Close()
	f := &follow{t: t, body: body}
	if got := f.read(1); got != "x" {
		t.Errorf("got %q", got)
	}
	e.Down(true)
	if _, err := f.rest(); err == nil {
		t.Error("the stream ended in order when the engine went down")
	}
	if _, err := c.ContainerList(t.Context(), container.ListOptions{}); err == nil {
		t.Error("it answers while it is down")
	}
	e.Up()
	if got := names(t, c, container.ListOptions{}); !slices.Equal(got, []string{"/shop"}) {
		t.Errorf("after it came up: %q", got)
	}
	if s := e.Stats(); s.Conns != 1 || s.Dialled != 2 {
		t.Errorf("connections: %+v", s)
	}
}

// A client that leaves its streams open holds them, and is found out.
func TestMaxFollows(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := numbered(t, e, containertest.Spec{}, 1)
		first := following(t, e, box.ID(), "all")
		time.Sleep(time.Second)
		second := following(t, e, box.ID(), "all")
		time.Sleep(10 * time.Millisecond)
		if n := box.Follows(); n != 2 {
			t.Errorf("%d follow", n)
		}
		first.body.Close()
		time.Sleep(time.Second)
		if n := box.MaxFollows(); n != 1 {
			t.Errorf("streams that overlap for a moment count as %d", n)
		}
		following(t, e, box.ID(), "all")
		time.Sleep(time.Second)
		if n := box.MaxFollows(); n != 2 || e.Stats().MaxFollows != 2 {
			t.Errorf("two that stay count as %d", n)
		}
		second.body.Close()
	})
}

// A log is asked for while its container is removed: nothing is read of the
// container then without its lock.
func TestRemovedWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := containertest.New(containertest.Config{})
		defer e.Close()
		c := connect(t, e)
		for range 300 {
			box := e.Create(containertest.Spec{})
			asked := make(chan struct{})
			e.Inject(containertest.Fault{On: containertest.Read, Do: containertest.Stall(0),
				If: func(*http.Request) bool { close(asked); return true }})
			var wg sync.WaitGroup
			wg.Go(func() { <-asked; box.Remove() })
			body, err := c.ContainerLogs(t.Context(), box.ID(), container.LogsOptions{ShowStdout: true})
			if err == nil {
				body.Close()
			}
			wg.Wait()
		}
	})
}
