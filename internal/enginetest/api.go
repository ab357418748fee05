package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// callTimeout bounds what is asked of an engine that may be busy with hundreds of containers.
const callTimeout = 2 * time.Minute

// newClient returns a client that keeps no connection: there is nothing to close, and none that an engine's end breaks.
func (e *Engine) newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", e.socket())
		},
	}}
}

// A request is one that the engine's API takes. It has no version: then the engine takes it as one of its newest.
type request struct {
	method, path string
	query        url.Values
	body         any   // []byte: a tar archive; nil: none; else what becomes JSON
	good         []int // the status codes that it may be answered with
}

// A refusal is an answer with another status code.
type refusal struct {
	request
	status int
	body   []byte
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", r.method, r.path, r.status, bytes.TrimSpace(r.body))
}

func (e *Engine) ping(ctx context.Context) error {
	_, err := e.send(ctx, request{method: http.MethodGet, path: "/_ping", good: []int{http.StatusOK}})
	return err
}

// send sends a request, whether or not the engine is up.
func (e *Engine) send(ctx context.Context, r request) (answer []byte, err error) {
	var body io.Reader
	kind := "application/json"
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body, kind = bytes.NewReader(b), "application/x-tar"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	target := url.URL{Scheme: "http", Host: "engine", Path: r.path, RawQuery: r.query.Encode()}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err == nil && !slices.Contains(r.good, resp.StatusCode) {
		err = &refusal{request: r, status: resp.StatusCode, body: answer}
	}
	return answer, err
}

// ask sends a request when the engine is up, and keeps it up until the answer is there.
func (e *Engine) ask(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := e.enter(ctx); err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	defer e.asked.RUnlock()
	return e.send(ctx, r)
}

// enter waits until the engine is up, and read-locks e.asked.
func (e *Engine) enter(ctx context.Context) error {
	for {
		select {
		case <-e.upped():
		case <-ctx.Done():
			return fmt.Errorf("engine %s is stopped: %w", e.version, ctx.Err())
		}
		e.asked.RLock()
		if e.answers() {
			return nil
		}
		e.asked.RUnlock() // stopped in between
	}
}

// must is ask for a test that has no use for an error.
func (e *Engine) must(t testing.TB, r request) []byte {
	t.Helper()
	answer, err := e.ask(t.Context(), r)
	if err != nil {
		t.Fatalf("enginetest: engine %s: %v", e.version, err)
	}
	return answer
}

// tag makes sure of an image of that name, all of which hold the same.
func (e *Engine) tag(t testing.TB, name string) {
	t.Helper()
	e.mu.Lock()
	known := e.tags[name]
	e.mu.Unlock()
	if known {
		return
	}
	content, err := layer(e.program)
	if err != nil {
		t.Fatal("enginetest: ", err)
	}
	// The last colon may also stand before a registry's port.
	repo, tag := name, ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		repo, tag = name[:i], name[i+1:]
	}
	answer := e.must(t, request{method: http.MethodPost, path: "/images/create", body: content, good: []int{http.StatusOK},
		query: url.Values{"fromSrc": {"-"}, "repo": {repo}, "tag": {tag}}})
	// Its status was there before the import had begun.
	var last struct{ Error string }
	for d := json.NewDecoder(bytes.NewReader(answer)); d.More(); {
		if err := d.Decode(&last); err != nil || last.Error != "" {
			t.Fatalf("enginetest: engine %s: import of %s: %v %s", e.version, name, err, answer)
		}
	}
	e.mu.Lock()
	e.tags[name] = true
	e.mu.Unlock()
}
