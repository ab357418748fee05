package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

// A Script is what a container writes.
type Script = chat.Script

// A Spec says what a container is. All fields may be left out.
type Spec struct {
	Name    string // of at least two characters; none: the engine invents one
	Image   string // any name with a tag: all images hold the same program; none: "logferry/chatter:1"
	Script  Script
	Tty     bool
	Driver  string            // the log driver; none: json-file
	Options map[string]string // the log driver's, such as max-size
	Labels  map[string]string
}

// A Container is one container of an Engine. Its methods may be called from any goroutine, with the calling test: they
// fail it if the engine refuses what is asked, and wait while the engine is stopped.
type Container struct {
	ID string // in full

	e   *Engine
	tty bool
}

// Create makes a container, without starting it. When the test ends it is removed.
func (e *Engine) Create(t testing.TB, s Spec) *Container {
	t.Helper()
	if s.Image == "" {
		s.Image = chatterImage
	}
	e.tag(t, s.Image)
	script, err := json.Marshal(s.Script)
	if err != nil {
		t.Fatal("enginetest: ", err)
	}
	body := map[string]any{
		"Image": s.Image, "Cmd": []string{"/" + chatterName, string(script)}, "Tty": s.Tty, "Labels": s.Labels,
		"HostConfig": map[string]any{
			"NetworkMode": "none", "LogConfig": map[string]any{"Type": s.Driver, "Config": s.Options},
		},
	}
	answer := e.must(t, request{method: http.MethodPost, path: "/containers/create", query: query("name", s.Name), body: body,
		good: []int{http.StatusCreated}})
	var created struct{ Id string }
	if err := json.Unmarshal(answer, &created); err != nil || created.Id == "" {
		t.Fatalf("enginetest: a container was created, and what is answered is %q: %v", answer, err)
	}
	c := &Container{ID: created.Id, e: e, tty: s.Tty}
	t.Cleanup(func() { c.clean(t) })
	return c
}

// Run is Create and Start.
func (e *Engine) Run(t testing.TB, s Spec) *Container {
	t.Helper()
	c := e.Create(t, s)
	c.Start(t)
	return c
}

// query makes a query of one parameter, and none if that is empty.
func query(name, value string) url.Values {
	if value == "" {
		return nil
	}
	return url.Values{name: {value}}
}

// seconds makes a parameter of a duration, which the engine takes in whole seconds.
func seconds(d time.Duration) url.Values {
	return query("t", strconv.Itoa(int((d+time.Second-1)/time.Second)))
}

// post asks for something to be done with c that is answered by no content; 304: it is done already.
func (c *Container) post(t testing.TB, verb string, q url.Values) {
	t.Helper()
	c.e.must(t, request{method: http.MethodPost, path: c.path() + "/" + verb, query: q,
		good: []int{http.StatusNoContent, http.StatusNotModified}})
}

func (c *Container) path() string { return "/containers/" + c.ID }

// Start starts c, again if it has ended.
func (c *Container) Start(t testing.TB) { t.Helper(); c.post(t, "start", nil) }

// Stop sends SIGTERM, and SIGKILL after grace, which is rounded up to whole seconds, and returns when c has ended. The
// program of the image ends at SIGTERM, with the exit code 2.
func (c *Container) Stop(t testing.TB, grace time.Duration) {
	t.Helper()
	c.post(t, "stop", seconds(grace))
}

// Restart is Stop and Start.
func (c *Container) Restart(t testing.TB, grace time.Duration) {
	t.Helper()
	c.post(t, "restart", seconds(grace))
}

// Kill sends SIGKILL. It fails the test if c does not run.
func (c *Container) Kill(t testing.TB) { t.Helper(); c.post(t, "kill", nil) }

// Pause freezes c.
func (c *Container) Pause(t testing.TB) { t.Helper(); c.post(t, "pause", nil) }

// Unpause lets c go on.
func (c *Container) Unpause(t testing.TB) { t.Helper(); c.post(t, "unpause", nil) }

// Rename gives c another name.
func (c *Container) Rename(t testing.TB, name string) {
	t.Helper()
	c.post(t, "rename", query("name", name))
}

// Remove removes c and its log, and ends it first if it runs. It is no failure if c is gone.
func (c *Container) Remove(t testing.TB) {
	t.Helper()
	if err := c.remove(t.Context()); err != nil {
		t.Fatalf("enginetest: engine %s: %v", c.e.version, err)
	}
}

func (c *Container) remove(ctx context.Context) error {
	_, err := c.e.ask(ctx, request{method: http.MethodDelete, path: c.path(), query: url.Values{"force": {"1"}, "v": {"1"}},
		good: []int{http.StatusNoContent, http.StatusNotFound}})
	return err
}

// clean removes c at the end of its test, unless the engine is stopped: it is ended with the engine then.
func (c *Container) clean(t testing.TB) {
	if !c.e.answers() {
		return
	}
	if err := c.remove(context.Background()); err != nil {
		t.Errorf("enginetest: engine %s: %v", c.e.version, err)
	}
}

// Status returns what the engine says of c: "created", "running", "paused", "exited" and so on.
func (c *Container) Status(t testing.TB) string {
	t.Helper()
	answer := c.e.must(t, request{method: http.MethodGet, path: c.path() + "/json", good: []int{http.StatusOK}})
	var inspected struct{ State struct{ Status string } }
	if err := json.Unmarshal(answer, &inspected); err != nil {
		t.Fatal("enginetest: ", err)
	}
	return inspected.State.Status
}

// Wait returns when c does not run, with its exit code. It goes on waiting when the engine is restarted.
func (c *Container) Wait(t testing.TB) (exit int) {
	t.Helper()
	var answer []byte
	for {
		up := c.e.upped()
		var err error
		// Not asked: an engine that is to be stopped would wait for c.
		answer, err = c.e.send(t.Context(), request{method: http.MethodPost, path: c.path() + "/wait", good: []int{http.StatusOK}})
		if err == nil {
			break
		}
		if t.Context().Err() != nil || isRefusal(err) || (up == c.e.upped() && c.e.answers()) {
			t.Fatalf("enginetest: engine %s: %v", c.e.version, err)
		}
		if err := c.e.enter(t.Context()); err != nil {
			t.Fatal("enginetest: ", err)
		}
		c.e.asked.RUnlock()
	}
	var waited struct{ StatusCode int }
	if err := json.Unmarshal(answer, &waited); err != nil {
		t.Fatal("enginetest: ", err)
	}
	return waited.StatusCode
}

func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}
