package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, tr *Transport, ctx context.Context, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(req)
}

// With every connection gone, Close has nothing to wait for and leaves no
// goroutine behind.
func TestCloseWaitsForConnections(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	tr := New(Config{Owner: "test", MaxIdle: 20})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := get(t, tr, t.Context(), s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
	}
	wg.Wait()
	if tr.Open() == 0 {
		t.Fatal("no connection is kept")
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := tr.Open(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, of := range []string{"(*persistConn)", "dialConnFor"} {
		if strings.Contains(string(stacks), of) {
			t.Errorf("goroutines are left:\n%s", stacks)
		}
	}
}

// Until they are gone, a profile shows whose goroutines they are.
func TestConnectionsAreLabelled(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	tr, other := New(Config{Owner: "test", Peer: `a"b`, MaxIdle: 1}), New(Config{Owner: "test"})
	resp, err := get(t, tr, t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !tr.running() || other.running() {
		t.Errorf("running: %v, the other one's: %v", tr.running(), other.running())
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tr.running() {
		t.Error("a goroutine is left")
	}
}

// What is still in use, or being dialled, holds Close up until its ctx is done.
// Then Close says so, and may be called again.
func TestCloseIsBounded(t *testing.T) {
	entered := make(chan struct{})
	tr := New(Config{Owner: "test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(entered)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := get(t, tr, ctx, "http://x"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-entered
	done, stop := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	stop(late)
	err := tr.Close(done)
	if !errors.Is(err, late) || !strings.Contains(err.Error(), "test: close: 1 connections are left") {
		t.Errorf("Close: %v", err)
	}
	cancel()
	wg.Wait()
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// What the caller's Dial leaves running is the caller's: Close does not wait for it.
func TestDialMayStartMore(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	var shared sync.WaitGroup
	release := make(chan struct{})
	tr := New(Config{Owner: "test", MaxIdle: 1, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		shared.Go(func() { <-release })
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}})
	resp, err := get(t, tr, t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !tr.running() {
		t.Error("the connection's own goroutines are not known")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
	close(release)
	shared.Wait()
}

// Only the setting itself tells: net/http exempts loopback addresses from a
// proxy that the environment names.
func TestNoProxy(t *testing.T) {
	if New(Config{}).current.Load().http.Proxy != nil {
		t.Error("a proxy is configured")
	}
}

// silent answers a request on c with a header and no more, and returns when c is closed.
func silent(c net.Conn) {
	defer c.Close()
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	io.Copy(io.Discard, c)
}

// In a bubble, with connections in memory, everything ends as well, and the
// time limits are those of the bubble's clock.
func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served sync.WaitGroup
		mute := false
		tr := New(Config{Owner: "test", MaxIdle: 4, IdleTimeout: 3 * time.Second, HeaderTimeout: 10 * time.Second,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				here, there := net.Pipe()
				if mute {
					served.Go(func() { io.Copy(io.Discard, there) })
				} else {
					served.Go(func() { silent(there) })
				}
				return here, nil
			}})
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for range 50 {
			resp, err := get(t, tr, ctx, "http://x")
			if err != nil {
				t.Fatal(err)
			}
			readers.Go(func() {
				defer resp.Body.Close()
				if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
					t.Errorf("Read: %v", err)
				}
			})
		}
		synctest.Wait()
		if n := tr.Open(); n != 50 {
			t.Errorf("%d connections", n)
		}
		mute = true
		began := time.Now()
		if _, err := get(t, tr, t.Context(), "http://x"); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("a server that does not answer: %v after %v", err, time.Since(began))
		}
		began = time.Now()
		cancel()
		readers.Wait()
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
		served.Wait()
		t.Logf("Close took %v of the bubble's time", time.Since(began))
	})
}

// A request that comes when Close is over, because its owner did not know, leaves nothing behind.
func TestNoConnectionAfterClose(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	tr := New(Config{Owner: "test", MaxIdle: 20})
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, err := get(t, tr, t.Context(), s.URL)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, errEnded) || tr.Open() != 0 {
		t.Errorf("%v, %d connections", err, tr.Open())
	}
}

// Whatever requests do while Close runs, no connection is there when it is over.
func TestCloseDuringRequests(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	for range 50 {
		tr := New(Config{Owner: "test", MaxIdle: 20})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					resp, err := get(t, tr, t.Context(), s.URL)
					if err != nil {
						return
					}
					resp.Body.Close()
				}
			})
		}
		for tr.Open() == 0 {
			runtime.Gosched()
		}
		if err := tr.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if n := tr.Open(); n != 0 {
			t.Fatalf("%d connections are left", n)
		}
	}
}
