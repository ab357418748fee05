package container

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
)

// realEngines runs f with a real engine of each version that there is.
func realEngines(t *testing.T, f func(t *testing.T, real *enginetest.Engine, d *docker)) {
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) {
			real := enginetest.Start(t, version)
			d := newEngine(t, Config{Host: real.Host()})
			v, err := d.ping(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("engine %s speaks %v", version, v)
			f(t, real, d)
		})
	}
}

// What the adapter relies on is what real engines do.
func TestRealEngines(t *testing.T) {
	realEngines(t, func(t *testing.T, real *enginetest.Engine, d *docker) {
		t.Run("silent", func(t *testing.T) { testSilent(t, real, d) })
		t.Run("unreadable", func(t *testing.T) { testUnreadable(t, real, d) })
		t.Run("life", func(t *testing.T) { testLife(t, real, d) })
		t.Run("restart", func(t *testing.T) { testRestart(t, real, d) })
	})
}

// silent writes nothing, and lives until it is stopped.
var silent = enginetest.Script{Live: -1}

// The answer to a request for the log of a silent container begins at once, which
// is what bounding the wait for it rests on. Reading what there is ends; following waits.
func testSilent(t *testing.T, real *enginetest.Engine, d *docker) {
	for _, driver := range []string{"json-file", "local"} {
		c := real.Run(t, enginetest.Spec{Driver: driver, Script: silent})
		began := time.Now()
		body, err := d.logs(t.Context(), c.ID, logRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(body); len(text) > 0 || err != nil {
			t.Errorf("%s: read %q, %v", driver, text, err)
		}
		body.Close()
		ctx, cancel := context.WithCancel(t.Context())
		if body, err = d.logs(ctx, c.ID, logRequest{tail: 1000, follow: true}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: both answers began within %v", driver, time.Since(began))
		read := make(chan error)
		go func() {
			_, err := body.Read(make([]byte, 1))
			read <- err
		}()
		cancel()
		if err := <-read; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Read: %v", driver, err)
		}
		body.Close()
	}
}

// A driver that keeps nothing is told apart from other trouble, and one that
// keeps a cache for reading is read.
func testUnreadable(t *testing.T, real *enginetest.Engine, d *docker) {
	syslog := map[string]string{"syslog-address": "udp://127.0.0.1:9"}
	uncached := map[string]string{"syslog-address": "udp://127.0.0.1:9", "cache-disabled": "true"}
	for _, test := range []struct {
		driver   string
		options  map[string]string
		readable bool
	}{{"none", nil, false}, {"syslog", uncached, false}, {"syslog", syslog, true}} {
		c := real.Run(t, enginetest.Spec{Driver: test.driver, Options: test.options, Script: silent})
		body, err := d.logs(t.Context(), c.ID, logRequest{})
		if errors.Is(err, errUnreadable) == test.readable || test.readable && err != nil {
			t.Errorf("%s %v: %v", test.driver, test.options, err)
		}
		if body != nil {
			body.Close()
		}
		found, err := d.inspect(t.Context(), c.ID)
		if err != nil || found.driver != test.driver {
			t.Errorf("%s: inspect says %+v, %v", test.driver, found, err)
		}
	}
	if _, err := d.logs(t.Context(), strings.Repeat("0", 64), logRequest{}); !errors.Is(err, errGone) {
		t.Errorf("the log of no container: %v", err)
	}
}

// A life shows in events, lists and inspects.
func testLife(t *testing.T, real *enginetest.Engine, d *docker) {
	ctx, cancel := context.WithCancel(t.Context())
	happened := make(chan event, 100)
	var listener sync.WaitGroup
	listener.Go(func() {
		if err := d.events(ctx, time.Time{}, func(e event) { happened <- e }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if e := <-happened; e != (event{}) {
		t.Errorf("%+v before the stream was open", e)
	}
	c := real.Create(t, enginetest.Spec{Name: "first", Labels: map[string]string{"a": "b"}, Tty: true, Script: silent,
		Driver: "json-file", Options: map[string]string{"max-size": "10k", "max-file": "3"}})
	fresh, err := d.inspect(t.Context(), c.ID)
	if err != nil || !fresh.started.IsZero() || fresh.state != "created" {
		t.Errorf("created: %+v, %v", fresh, err)
	}
	c.Start(t)
	c.Rename(t, "second")
	got, err := d.inspect(t.Context(), c.ID)
	if err != nil || got.id != c.ID || got.name != "second" || got.labels["a"] != "b" || got.state != "running" || !got.tty || got.image == "" ||
		got.driver != "json-file" || got.options["max-size"] != "10k" || !strings.HasSuffix(got.logPath, "-json.log") || time.Since(got.started) > time.Minute {
		t.Errorf("running: %+v, %v", got, err)
	}
	list, err := d.list(t.Context())
	i := slices.IndexFunc(list, func(s summary) bool { return s.id == c.ID })
	if err != nil || i < 0 || list[i].name != "second" || list[i].image != got.image || list[i].labels["a"] != "b" || list[i].state != "running" {
		t.Errorf("list: %+v, %v", list, err)
	}
	c.Pause(t)
	c.Unpause(t)
	c.Kill(t)
	c.Wait(t)
	c.Remove(t)
	if got, want := actionsOf(t, happened, c.ID), []string{"start", "rename", "pause", "unpause", "die", "destroy"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if _, err := d.inspect(t.Context(), c.ID); !errors.Is(err, errGone) {
		t.Errorf("removed: %v", err)
	}
	cancel()
	listener.Wait()
}

// actionsOf returns what happened to a container until it was removed, each action once: an engine records a pause and
// an unpause when it is asked for them, and once more if the news of its runtime comes only after the next of the two.
func actionsOf(t *testing.T, happened <-chan event, id string) []string {
	t.Helper()
	var actions []string
	for e := range happened {
		if e.id != id {
			continue
		}
		if time.Since(e.at).Abs() > time.Minute {
			t.Errorf("%+v", e)
		}
		if !slices.Contains(actions, e.action) {
			actions = append(actions, e.action)
		}
		if e.action == "destroy" {
			break
		}
	}
	return actions
}

// An engine that goes and comes back ends all streams, and is asked on as before.
func testRestart(t *testing.T, real *enginetest.Engine, d *docker) {
	c := real.Run(t, enginetest.Spec{Script: silent})
	body, err := d.logs(t.Context(), c.ID, logRequest{follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	open := make(chan struct{})
	var listener sync.WaitGroup
	listener.Go(func() {
		told := sync.OnceFunc(func() { close(open) }) // more may be told as the engine ends
		if err := d.events(t.Context(), time.Time{}, func(event) { told() }); err == nil {
			t.Error("events ended without an error")
		}
	})
	<-open
	real.Stop(t)
	listener.Wait()
	if _, err := io.Copy(io.Discard, body); err == nil {
		t.Error("the log ended in order, as if the container had")
	}
	if _, err := d.ping(t.Context()); err == nil {
		t.Error("an engine that is stopped answers")
	}
	real.Start(t)
	if _, err := d.ping(t.Context()); err != nil {
		t.Error(err)
	}
	if got, err := d.inspect(t.Context(), c.ID); err != nil || got.state != "running" {
		t.Errorf("after the restart: %+v, %v", got, err)
	}
}
