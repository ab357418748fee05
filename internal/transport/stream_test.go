package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// secureServer returns a server with TLS and HTTP/2, and the settings that trust it. It reads requests to their end, since
// an answer that comes before is not believed.
func secureServer(t testing.TB, h http.HandlerFunc) (*httptest.Server, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h(w, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, s.Client().Transport.(*http.Transport).TLSClientConfig
}

func post(t testing.TB, tr *Transport, ctx context.Context, url, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(req)
}

// discard reads the rest of an answer.
func discard(resp *http.Response) {
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// noneLeft fails the test if a goroutine of an HTTP/2 client is left.
func noneLeft(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, of := range []string{"(*http2ClientConn)", "(*http2clientStream)", "(*http2clientConnReadLoop)", "dialConnFor"} {
		if bytes.Contains(stacks, []byte(of)) {
			t.Errorf("goroutines of %s are left:\n%s", of, stacks)
		}
	}
}

// HTTP/2 is spoken if it is asked for, and not otherwise.
func TestProtocol(t *testing.T) {
	s, trusting := secureServer(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	for want, asked := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		tr := New(Config{Owner: "test", TLS: trusting, HTTP2: asked})
		resp, err := post(t, tr, t.Context(), s.URL, "x")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(resp.Body); string(got) != want {
			t.Errorf("spoke %s, want %s", got, want)
		}
		resp.Body.Close()
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Close waits for the goroutines of requests that were given up as well.
func TestCloseWaitsForStreams(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(30)
	s, trusting := secureServer(t, func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		<-r.Context().Done()
	})
	for round := range 10 {
		tr := New(Config{Owner: "test", TLS: trusting, HTTP2: true, MaxConns: 4, MaxIdle: 4})
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for range 30 {
			callers.Go(func() {
				if _, err := post(t, tr, ctx, s.URL, strings.Repeat("x", 100_000)); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		if round == 0 { // in the others they are cancelled wherever they are
			arrived.Wait()
			arrived.Add(30 * 100)
		}
		cancel()
		callers.Wait()
		if err := tr.Close(t.Context()); err != nil || tr.Open() != 0 {
			t.Errorf("Close: %v, %d connections are left", err, tr.Open())
		}
		noneLeft(t)
	}
}

// The caller's goroutine has its labels again after a request, if ctx has them.
func TestCallerKeepsItsLabels(t *testing.T) {
	s, trusting := secureServer(t, func(http.ResponseWriter, *http.Request) {})
	tr := New(Config{Owner: "test", TLS: trusting, HTTP2: true})
	pprof.Do(t.Context(), pprof.Labels("mine", "yes"), func(ctx context.Context) {
		resp, err := post(t, tr, ctx, s.URL, "x")
		if err != nil {
			t.Fatal(err)
		}
		discard(resp)
		var profile bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&profile, 1)
		if !strings.Contains(profile.String(), `{"mine":"yes"}`) {
			t.Errorf("no goroutine has the caller's labels alone:\n%s", &profile)
		}
	})
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A relay passes bytes between a client and a server until it is muted.
type relay struct {
	addr   string // its own
	server string
	muted  atomic.Bool
	conns  atomic.Int64
}

func newRelay(t *testing.T, server string) *relay {
	r := &relay{server: server}
	r.addr = rawServer(t, r.serve)
	return r
}

func (r *relay) serve(near net.Conn) {
	r.conns.Add(1)
	r.muted.Store(false) // those of before stay mute: they have seen it
	far, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	mute := &atomic.Bool{}
	var there sync.WaitGroup
	there.Go(func() { r.pass(far, near, mute) })
	r.pass(near, far, mute)
	there.Wait()
}

func (r *relay) pass(to, from net.Conn, mute *atomic.Bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if r.muted.Load() {
			mute.Store(true)
		}
		if n > 0 && !mute.Load() {
			to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// A connection whose other side is gone without a word costs one request its
// time, and no more.
func TestDeadConnection(t *testing.T) {
	s, trusting := secureServer(t, func(http.ResponseWriter, *http.Request) {})
	r := newRelay(t, s.Listener.Addr().String())
	tr := New(Config{Owner: "test", TLS: trusting, HTTP2: true})
	url := "https://" + r.addr
	resp, err := post(t, tr, t.Context(), url, "x")
	if err != nil {
		t.Fatal(err)
	}
	discard(resp)
	r.muted.Store(true)

	early, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := post(t, tr, early, url, "x"); !errors.Is(err, context.Canceled) || tr.Open() != 1 {
		t.Errorf("a caller that gave up: %v, %d connections", err, tr.Open())
	}
	timed, cancel := context.WithTimeout(t.Context(), 3*deadAfter)
	defer cancel()
	if _, err := post(t, tr, timed, url, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a dead connection: %v", err)
	}
	// Whoever was waiting on the same connection is told; who comes now gets another one.
	resp, err = post(t, tr, t.Context(), url, "x")
	if err != nil {
		t.Fatalf("after the dead connection: %v", err)
	}
	discard(resp)
	if n := r.conns.Load(); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
	noneLeft(t)
}

// However often connections end, those to come are not counted among them.
func TestEndedStreamsCountForNothing(t *testing.T) {
	s, trusting := secureServer(t, func(http.ResponseWriter, *http.Request) {})
	tr := New(Config{Owner: "test", TLS: trusting, HTTP2: true, MaxConns: 2, MaxIdle: 2})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 20 {
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				if resp, err := post(t, tr, ctx, s.URL, "x"); err == nil { // else it was closed under way
					discard(resp)
				} else if ctx.Err() != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		s.CloseClientConnections()
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
	noneLeft(t)
}
