package containertest_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/logferry/logferry/source/container/containertest"
)

// names lists what the engine lists.
func names(t *testing.T, c *client.Client, o container.ListOptions) []string {
	t.Helper()
	list, err := c.ContainerList(t.Context(), o)
	must(t, err)
	var names []string
	for _, s := range list {
		names = append(names, s.Names...)
	}
	return names
}

func TestList(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		shop := e.Create(containertest.Spec{Name: "shop", Image: "shop:1", Labels: map[string]string{"team": "a", "x": ""}})
		bank := e.Create(containertest.Spec{Name: "bank", Labels: map[string]string{"team": "b"}})
		must(t, bank.Start())
		old := e.Create(containertest.Spec{Name: "old"})
		must(t, old.Start())
		must(t, old.Exit(3))
		is := func(key, value string) container.ListOptions {
			return container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg(key, value))}
		}
		for _, test := range []struct {
			o    container.ListOptions
			want string
		}{
			{container.ListOptions{}, "/bank"},
			{container.ListOptions{All: true}, "/old /bank /shop"},
			{is("label", "nothing"), ""},
			{container.ListOptions{Limit: 2}, "/old /bank"},
			{is("label", "team"), "/bank /shop"},
			{is("label", "team=a"), "/shop"},
			{is("name", "^s"), "/shop"},
			{is("name", "/bank"), "/bank"},
			{is("id", old.ID()[:20]), "/old"},
			{is("status", "exited"), "/old"},
			{is("ancestor", "shop:1"), "/shop"},
		} {
			if got := strings.Join(names(t, c, test.o), " "); got != test.want {
				t.Errorf("%+v: got %q, want %q", test.o, got, test.want)
			}
		}
		if _, err := c.ContainerList(t.Context(), is("colour", "red")); !errdefs.IsInvalidArgument(err) {
			t.Errorf("an unknown filter: %v", err)
		}
		must(t, shop.Remove())
		if got := names(t, c, container.ListOptions{All: true}); !slices.Equal(got, []string{"/old", "/bank"}) {
			t.Errorf("after one was removed: %q", got)
		}
	})
}

func TestInspect(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		box := e.Create(containertest.Spec{Name: "shop", Image: "shop:1", Tty: true, Labels: map[string]string{"team": "a"},
			Driver: "local", MaxSize: 1000, MaxFiles: 3})
		state := func() string {
			i, err := c.ContainerInspect(t.Context(), "shop")
			must(t, err)
			return i.State.Status
		}
		var states []string
		for _, step := range []func() error{func() error { return nil }, box.Start, box.Pause, box.Unpause,
			func() error { return box.Exit(7) }} {
			must(t, step())
			states = append(states, state())
		}
		if want := []string{"created", "running", "paused", "running", "exited"}; !slices.Equal(states, want) {
			t.Errorf("states %q, want %q", states, want)
		}
		i, err := c.ContainerInspect(t.Context(), box.ID()[:12])
		must(t, err)
		if i.ID != box.ID() || i.Name != "/shop" || !i.Config.Tty || i.Config.Image != "shop:1" || i.Config.Labels["team"] != "a" ||
			i.HostConfig.LogConfig.Type != "local" || i.HostConfig.LogConfig.Config["max-size"] != "1000" ||
			i.HostConfig.LogConfig.Config["max-file"] != "3" || i.State.ExitCode != 7 || i.State.Running {
			t.Errorf("inspected: %+v %+v %+v", i.ContainerJSONBase, i.Config, i.HostConfig.LogConfig)
		}
		info, err := c.Info(t.Context())
		must(t, err)
		if info.Containers != 1 || info.ContainersStopped != 1 {
			t.Errorf("info: %d containers, %d stopped", info.Containers, info.ContainersStopped)
		}
	})
}

func TestErrors(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		ctx := t.Context()
		_, err := c.ContainerInspect(ctx, "nobody")
		if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "No such container: nobody") {
			t.Errorf("inspect: %v", err)
		}
		if _, err := c.ContainerLogs(ctx, "nobody", everything); !errdefs.IsNotFound(err) {
			t.Errorf("logs: %v", err)
		}
		e.Create(containertest.Spec{Name: "mute", Driver: "none"})
		e.Create(containertest.Spec{Name: "away", Driver: "syslog", NoCache: true})
		for _, name := range []string{"mute", "away"} {
			if _, err := c.ContainerLogs(ctx, name, everything); !errdefs.IsNotImplemented(err) ||
				!strings.Contains(err.Error(), "configured logging driver does not support reading") {
				t.Errorf("logs of %s: %v", name, err)
			}
		}
		if _, err := c.ContainerLogs(ctx, "mute", container.LogsOptions{}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("logs of no output: %v", err)
		}
	})
}

func TestVersions(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		oldest, newest, old := "1.24", "1.45", `{"message":"`
		if strings.Contains(t.Name(), "20.10") {
			oldest, newest, old = "1.12", "1.41", ""
		}
		web := &http.Client{Transport: dialer(t, e)}
		for path, want := range map[string]string{
			"/_ping":                     "200 OK",
			"/v" + oldest + "/info":      "200 {",
			"/v" + newest + "/info":      "200 {",
			"/v1.99/info":                `400 {"message":"client version 1.99 is too new. Maximum supported API version is ` + newest + `"}`,
			"/v1.2/info":                 "400 " + old + "client version 1.2 is too old. Minimum supported API version is " + oldest,
			"/v1.30/containers/x/attach": `404 {"message":"page not found"}`,
			"/nothing":                   `404 {"message":"page not found"}`,
		} {
			r, err := web.Get("http://engine" + path)
			must(t, err)
			b, err := io.ReadAll(r.Body)
			must(t, err)
			r.Body.Close()
			if got := r.Status[:4] + string(b); !strings.HasPrefix(got, want) || r.Header.Get("Api-Version") != newest {
				t.Errorf("%s: %q, version %s", path, got, r.Header.Get("Api-Version"))
			}
		}
	})
}

// Nothing is left of a container that was removed, nor does it do anything.
func TestRemoved(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		box := e.Create(containertest.Spec{Name: "x", AutoRemove: true})
		must(t, box.Start())
		must(t, box.Print("x"))
		must(t, box.Exit(0))
		if e.Container("x") != nil || e.Stats().Containers != 0 || len(box.Retained()) != 0 {
			t.Error("it is still there")
		}
		for what, err := range map[string]error{"start": box.Start(), "write": box.Print("x"), "exit": box.Exit(0), "stop": box.Stop(),
			"kill": box.Kill(), "pause": box.Pause(), "unpause": box.Unpause(), "rename": box.Rename("y"), "remove": box.Remove()} {
			if err == nil || !strings.Contains(err.Error(), "removed") {
				t.Errorf("%s: %v", what, err)
			}
		}
		again := e.Create(containertest.Spec{Name: "x"})
		if again.ID() == box.ID() {
			t.Error("another container has its id")
		}
		e.Create(containertest.Spec{Name: "y"})
		if err := again.Rename("y"); err == nil || again.Name() != "x" {
			t.Errorf("two have one name: %v", err)
		}
	})
}

func TestRestart(t *testing.T) {
	both(t, containertest.Config{}, func(t *testing.T, e *containertest.Engine) {
		c := connect(t, e)
		box := numbered(t, e, containertest.Spec{}, 1)
		e.Down(true)
		if _, err := c.ContainerInspect(t.Context(), box.ID()); !client.IsErrConnectionFailed(err) {
			t.Errorf("while it is down: %v", err)
		}
		must(t, box.Print("1"))
		if err := box.Stop(); err == nil {
			t.Error("who is down stops nothing")
		}
		must(t, box.Exit(0))
		time.Sleep(time.Minute)
		e.Up()
		if got := demux(t, logs(t, c, box.ID(), everything)); len(got) != 2 || got[1].time.Sub(got[0].time) < time.Minute {
			t.Errorf("got %v", got)
		}
		i, err := c.ContainerInspect(t.Context(), box.ID())
		must(t, err)
		if i.State.Status != "exited" {
			t.Errorf("it is %s", i.State.Status)
		}
	})
}

// An engine that goes down in order waits for what follows its logs, but not for one
// that does not read.
func TestDownIsBounded(t *testing.T) {
	both(t, containertest.Config{Buffer: 512, ReadAhead: 8}, func(t *testing.T, e *containertest.Engine) {
		box := numbered(t, e, containertest.Spec{}, 1)
		following(t, e, box.ID(), "all")
		for range 200 {
			must(t, box.Print(strings.Repeat("x", 100)))
		}
		synctest.Wait()
		start := time.Now()
		e.Down(false)
		if took := time.Since(start); took != time.Second {
			t.Errorf("going down took %v", took)
		}
		if s := e.Stats(); s.Conns != 0 || s.Follows != 0 {
			t.Errorf("after that: %+v", s)
		}
	})
}
