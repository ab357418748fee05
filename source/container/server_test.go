package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server answers as an engine does, with what a test sets.
type server struct {
	*httptest.Server
	list, inspect, logs, events http.HandlerFunc

	mu      sync.Mutex
	version string // the header of a ping: none if it is empty
	status  int    // of a ping
	asked   []*url.URL
}

// newServer returns a server behind a unix socket.
func newServer(t *testing.T) *server {
	t.Helper()
	s := newServerUnstarted(t)
	// Not t.TempDir, whose path may be too long for a socket.
	dir, err := os.MkdirTemp("", "lf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skipf("no unix sockets: %v", err)
	}
	s.Listener.Close()
	s.Listener = l
	s.Start()
	return s
}

func newServerUnstarted(t *testing.T) *server {
	t.Helper()
	s := &server{version: "1.45", status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", s.ping)
	for pattern, handler := range map[string]*http.HandlerFunc{
		"/{v}/containers/json": &s.list, "/{v}/containers/{id}/json": &s.inspect, "/{v}/containers/{id}/logs": &s.logs, "/{v}/events": &s.events,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { (*handler)(w, r) })
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL)
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) ping(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != "" {
		w.Header().Set("Api-Version", s.version)
	}
	w.WriteHeader(s.status)
}

// speaks changes the version that a ping is answered with.
func (s *server) speaks(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

// requests returns what was asked so far, pings left out.
func (s *server) requests() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.asked {
		if !strings.HasSuffix(u.Path, "/_ping") {
			list = append(list, u.String())
		}
	}
	return list
}

// engine returns an engine that is connected to s, which is closed at the end.
func (s *server) engine(t *testing.T) *docker {
	t.Helper()
	return newEngine(t, Config{Host: "unix://" + s.Listener.Addr().String()})
}

// pinged returns one with which a version has been agreed on.
func (s *server) pinged(t *testing.T) *docker {
	t.Helper()
	d := s.engine(t)
	if _, err := d.ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func newEngine(t *testing.T, cfg Config) *docker {
	t.Helper()
	a, err := parseAddress(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newDocker(a)
	if err != nil {
		t.Fatal(err)
	}
	// Before the server, which waits for its connections.
	t.Cleanup(func() {
		if err := e.close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return e.(*docker)
}

// reply answers with a JSON text.
func reply(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	}
}

// silence answers with a header, and then waits until the request has ended.
func silence(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// listen follows n logs, and events, of which nothing comes. What it returns has
// ended when ctx was cancelled and all of them have.
func listen(t *testing.T, ctx context.Context, d *docker, n int) *sync.WaitGroup {
	t.Helper()
	var readers sync.WaitGroup
	for range n {
		body, err := d.logs(ctx, "abc", logRequest{follow: true})
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() {
			defer body.Close()
			if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	readers.Go(func() {
		if err := d.events(ctx, time.Time{}, func(event) {}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return &readers
}
