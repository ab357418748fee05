package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/logferry/logferry/internal/transport"
	"github.com/logferry/logferry/lifecycle"
)

// This file alone knows the client library, github.com/docker/docker, of which
// v28.5.2 is the last version, so that its successor can take its place here.
// What is said of it below was read in that version.

const (
	// dialTime bounds what it takes to connect.
	dialTime = 10 * time.Second
	// answerTime bounds ping, list and inspect, and for how long any request
	// waits for the header of its answer. Engines send that of a log or of
	// events at once, if there is nothing to read yet as well: 20.10 and 26.1
	// took less than 2 ms for a silent container, json-file and local,
	// following or not. A list of many containers on a busy host and an inspect
	// of a container that is just being started can take seconds, though.
	answerTime = 30 * time.Second
	// idleTime is for how long an idle connection is kept: a burst of requests
	// shares a few, and soon afterwards they and their goroutines are gone.
	idleTime = 3 * time.Second
	maxIdle  = 4
)

// errVersionChanged says that the engine speaks another version of its API than
// it did at the first ping, or another engine has taken its place. All requests
// were spoken in the former, so nothing should be asked any more.
var errVersionChanged = errors.New("the engine's API has changed")

// errEarly says that something was asked before the first ping had an answer.
var errEarly = errors.New("the version of the engine's API is not known yet")

// A docker is the engine that the client library talks to.
type docker struct {
	client    *client.Client
	transport *transport.Transport
	podman    atomic.Bool // it is Podman that answers
	newest    apiVersion  // that the library speaks

	// spoken is the version agreed on; nil before the first ping has succeeded.
	// The library reads its own copy without a lock for each request, so that
	// no request but pings may be made until then, and it never changes later.
	spoken atomic.Pointer[apiVersion]
	agree  sync.Mutex // held while spoken is being set
}

// newDocker returns an engine that has not been connected to yet.
func newDocker(a *address) (engine, error) {
	dial, err := a.dialer()
	if err != nil {
		return nil, err
	}
	d := &docker{transport: transport.New(transport.Config{
		Owner:         "container",
		Peer:          a.host,
		Dial:          dial,
		DialTimeout:   dialTime,
		TLS:           a.tls,
		MaxIdle:       maxIdle,
		IdleTimeout:   idleTime,
		HeaderTimeout: answerTime,
	})}
	d.client, err = client.NewClientWithOpts(
		// WithHost wants to change a Transport, and must not get ours.
		client.WithHost(a.host),
		client.WithHTTPClient(&http.Client{Transport: noting{d.transport, &d.podman}, CheckRedirect: client.CheckRedirect}),
		client.WithScheme(a.scheme),
		// A host with tracing would get a span for each request, and there are many.
		client.WithTraceOptions(otelhttp.WithFilter(func(*http.Request) bool { return false })),
	)
	if err != nil {
		return nil, fmt.Errorf("container: Host: %w", err)
	}
	d.newest, err = parseVersion(d.client.ClientVersion())
	return d, err
}

// noting is a Transport that notes the status of an answer where the ctx of the
// request has a place for it, since the library does not tell.
type noting struct {
	*transport.Transport
	podman *atomic.Bool
}

type statusKey struct{} // of an *int

func (n noting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.Transport.RoundTrip(req)
	if status, ok := req.Context().Value(statusKey{}).(*int); ok && err == nil {
		*status = resp.StatusCode
	}
	if err == nil && resp.Header.Get(podmanHeader) != "" {
		n.podman.Store(true)
	}
	return resp, err
}

// dialer returns how to connect to a. Nil stands for the usual way.
func (a *address) dialer() (func(context.Context, string, string) (net.Conn, error), error) {
	kind, path, _ := strings.Cut(a.host, "://")
	dial := a.dial
	switch {
	case dial != nil:
	case kind == "unix":
		local := &net.Dialer{Timeout: dialTime}
		return func(ctx context.Context, _, _ string) (net.Conn, error) { return local.DialContext(ctx, "unix", path) }, nil
	case kind == "npipe":
		// Pipes are no part of package net. A client of its own is used for
		// nothing but how it would dial.
		pipes, err := client.NewClientWithOpts(client.WithHost(a.host))
		if err != nil {
			return nil, fmt.Errorf("container: Host: %w", err)
		}
		dial = pipes.Dialer()
	default:
		return nil, nil
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return guarded(ctx, dial) }, nil
}

// guarded calls a dial of the caller's, in a goroutine of net/http, where a
// panic would end the process.
func guarded(ctx context.Context, dial func(context.Context) (net.Conn, error)) (c net.Conn, err error) {
	defer func() {
		if value := recover(); value != nil {
			c, err = nil, &lifecycle.PanicError{Task: "container/dial", Value: value, Stack: debug.Stack()}
		}
	}()
	c, err = dial(ctx)
	if c == nil && err == nil {
		err = errors.New("dial returned neither a connection nor an error")
	}
	return c, err
}

func (d *docker) ping(ctx context.Context) (apiVersion, error) {
	timed, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := d.client.Ping(timed)
	if err != nil {
		return apiVersion{}, unanswered(ctx, "ping", err)
	}
	if answer.APIVersion == "" {
		// The library would take it for an engine of 2016.
		return apiVersion{}, errors.New("container: ping: the answer names no version of the API: is this a container engine?")
	}
	theirs, err := parseVersion(answer.APIVersion)
	if err != nil {
		return apiVersion{}, err
	}
	v := d.newest
	if theirs.less(v) {
		v = theirs
	}
	return d.settle(v)
}

// settle agrees on v, if nothing has been agreed on yet.
func (d *docker) settle(v apiVersion) (apiVersion, error) {
	d.agree.Lock()
	defer d.agree.Unlock()
	spoken := d.spoken.Load()
	if spoken == nil {
		d.client.NegotiateAPIVersionPing(types.Ping{APIVersion: v.String()})
		d.spoken.Store(&v)
		return v, nil
	}
	if *spoken != v {
		return v, fmt.Errorf("container: ping: %w from version %v to %v", errVersionChanged, *spoken, v)
	}
	return v, nil
}

// early returns an error unless a version has been agreed on.
func (d *docker) early(doing string) error {
	if d.spoken.Load() == nil {
		return fmt.Errorf("container: %s: %w", doing, errEarly)
	}
	return nil
}

func (d *docker) list(ctx context.Context) ([]summary, error) {
	if err := d.early("list"); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	all, err := d.client.ContainerList(timed, container.ListOptions{All: true})
	if err != nil {
		return nil, unanswered(ctx, "list", err)
	}
	list := make([]summary, len(all))
	for i, c := range all {
		list[i] = summary{id: c.ID, name: ownName(c.Names), image: c.Image, labels: c.Labels, state: stateOf(c.State)}
	}
	return list, nil
}

// ownName returns the name of a container among those that a list has for it:
// with links, there are others, of the form /other/alias.
func ownName(names []string) string {
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

func (d *docker) inspect(ctx context.Context, id string) (details, error) {
	doing := "inspect of " + short(id)
	if err := d.early(doing); err != nil {
		return details{}, err
	}
	timed, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := d.client.ContainerInspect(timed, id)
	if err != nil {
		return details{}, unanswered(ctx, doing, err)
	}
	if c.ContainerJSONBase == nil || c.State == nil || c.Config == nil || c.HostConfig == nil {
		return details{}, fmt.Errorf("container: %s: the answer is incomplete", doing)
	}
	// An engine has 0001-01-01T00:00:00Z for never, which is the zero Time;
	// what is no time is as good as never.
	started, _ := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	return details{
		summary: summary{id: c.ID, name: strings.TrimPrefix(c.Name, "/"), image: c.Config.Image, labels: c.Config.Labels, state: stateOf(c.State.Status)},
		tty:     c.Config.Tty,
		driver:  c.HostConfig.LogConfig.Type,
		options: c.HostConfig.LogConfig.Config,
		logPath: c.LogPath,
		started: started,
		podman:  d.podman.Load(),
	}, nil
}

// actions are the events asked for: what they come with, such as a signal or a
// restart, is told by these. Podman has names of its own for two of them, and
// filters by those.
var actions = [...]events.Action{events.ActionStart, events.ActionPause, events.ActionUnPause, events.ActionDie, "died",
	events.ActionRename, events.ActionDestroy, events.ActionRemove}

func (d *docker) events(ctx context.Context, since time.Time, each func(event)) error {
	if err := d.early("events"); err != nil {
		return err
	}
	wanted := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range actions {
		wanted.Add("event", string(action))
	}
	status := 0
	running, cancel := context.WithCancel(context.WithValue(ctx, statusKey{}, &status))
	messages, errs := d.client.Events(running, events.ListOptions{Since: unixTime(since), Filters: wanted})
	// The library's goroutine ends with its stream or ctx, after which it
	// closes errs. It never closes messages.
	defer func() {
		cancel()
		for range errs {
		}
	}()
	// The library has waited for the header of the answer. It sends its error
	// after that, so that there being none yet would not tell.
	if status == http.StatusOK {
		each(event{})
	}
	for {
		select {
		case m := <-messages:
			if m.Type == events.ContainerEventType && m.Actor.ID != "" {
				each(happened(&m))
			}
		case err := <-errs:
			return unanswered(ctx, "events", err)
		}
	}
}

func happened(m *events.Message) event {
	e := event{action: string(m.Action), id: m.Actor.ID, at: time.Unix(m.Time, 0)}
	if m.TimeNano != 0 {
		e.at = time.Unix(0, m.TimeNano)
	}
	switch m.Action {
	case "died":
		e.action = string(events.ActionDie)
	case events.ActionRemove:
		e.action = string(events.ActionDestroy)
	}
	return e
}

func (d *docker) logs(ctx context.Context, id string, r logRequest) (io.ReadCloser, error) {
	doing := "log of " + short(id)
	if err := d.early(doing); err != nil {
		return nil, err
	}
	tail := "all"
	if r.tail > 0 {
		tail = strconv.Itoa(r.tail)
	}
	running, cancel := context.WithCancel(ctx)
	body, err := d.client.ContainerLogs(running, id, container.LogsOptions{
		ShowStdout: true,
		ShowStderr: true,
		Timestamps: true,
		Since:      unixTime(r.since),
		Follow:     r.follow,
		Tail:       tail,
	})
	if err != nil {
		cancel() // the library does not close the body of a refusal
		return nil, unanswered(ctx, doing, err)
	}
	return &logBody{ReadCloser: body, cancel: cancel}, nil
}

// A logBody is the log of a container as it comes.
type logBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the request. A Read under way returns with an error.
func (b *logBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}

func (d *docker) close(ctx context.Context) error { return d.transport.Close(ctx) }

// unixTime is t as the API takes it, exact to the nanosecond, which counts from
// 1970 on; empty for the zero Time.
func unixTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}
