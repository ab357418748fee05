package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
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

// secureServer returns a server with TLS and HTTP/2, and the settings that trust it.
func secureServer(t testing.TB, h http.HandlerFunc) (*httptest.Server, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
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

// A relay passes bytes between a client and addr until it is muted.
type relay struct {
	net.Listener
	addr  string
	muted atomic.Bool
	conns atomic.Int64
	wg    sync.WaitGroup
}

func newRelay(t *testing.T, addr string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, addr: addr}
	r.wg.Go(r.accept)
	t.Cleanup(func() { l.Close(); r.wg.Wait() })
	return r
}

func (r *relay) accept() {
	for {
		near, err := r.Accept()
		if err != nil {
			return
		}
		r.conns.Add(1)
		r.muted.Store(false) // those of before stay mute: they have seen it
		far, err := net.Dial("tcp", r.addr)
		if err != nil {
			near.Close()
			continue
		}
		mute := &atomic.Bool{}
		r.wg.Go(func() { r.pass(far, near, mute) })
		r.wg.Go(func() { r.pass(near, far, mute) })
	}
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
	url := "https://" + r.Addr().String()
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
	timed, cancel := context.WithTimeout(t.Context(), deadAfter+100*time.Millisecond)
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

// frame writes an HTTP/2 frame, RFC 9113, section 4.1.
func frame(c io.Writer, kind, flags byte, stream uint32, payload ...byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = append(head, flags)
	head = binary.BigEndian.AppendUint32(head, stream)
	_, err := c.Write(append(head, payload...))
	return err
}

const (
	kindHeaders, kindReset, kindSettings, kindGoAway = 1, 3, 4, 7
	refusedStream, internalError                     = 7, 2
	endHeaders, endStream, ack                       = 4, 1, 1
	status204                                        = 0x89 // in the static table of RFC 7541, appendix A
)

// plainStreams speaks just enough HTTP/2 on c to tell answer of each request, and to send what it wants.
func plainStreams(c net.Conn, answer func(stream uint32)) {
	if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	if frame(c, kindSettings, 0, 0) != nil {
		return
	}
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, c, size); err != nil {
			return
		}
		if head[3] == kindHeaders {
			answer(binary.BigEndian.Uint32(head[5:]))
		}
	}
}

// A request that was refused before it was looked at goes out again by itself if it can be repeated; other ends of a
// stream or a connection are errors, and the next request succeeds.
func TestStreamsThatEndEarly(t *testing.T) {
	word := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, test := range map[string]struct {
		fault func(c net.Conn, stream uint32)
		fails bool
	}{
		"refused": {fault: func(c net.Conn, stream uint32) { frame(c, kindReset, 0, stream, word(refusedStream)...) }},
		"reset":   {func(c net.Conn, stream uint32) { frame(c, kindReset, 0, stream, word(internalError)...) }, true},
		"go away, not processed": {fault: func(c net.Conn, stream uint32) {
			frame(c, kindGoAway, 0, 0, append(word(0), word(0)...)...)
		}},
		"go away and gone": {func(c net.Conn, stream uint32) {
			frame(c, kindGoAway, 0, 0, append(word(stream), word(0)...)...)
			c.Close()
		}, true},
		"gone": {func(c net.Conn, stream uint32) { c.Close() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			plain := httptest.NewUnstartedServer(nil)
			plain.EnableHTTP2 = true
			plain.StartTLS() // for its certificate alone
			plain.Close()
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: plain.TLS.Certificates, NextProtos: []string{"h2"}})
			if err != nil {
				t.Fatal(err)
			}
			var served sync.WaitGroup
			var requests atomic.Int64
			served.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					served.Go(func() {
						defer c.Close()
						plainStreams(c, func(stream uint32) {
							if requests.Add(1) == 1 {
								test.fault(c, stream)
							} else {
								frame(c, kindHeaders, endHeaders|endStream, stream, status204)
							}
						})
					})
				}
			})
			defer served.Wait()
			defer l.Close()
			tr := New(Config{Owner: "test", HTTP2: true, TLS: plain.Client().Transport.(*http.Transport).TLSClientConfig})
			url := "https://" + l.Addr().String()
			resp, err := post(t, tr, t.Context(), url, "x")
			if test.fails != (err != nil) {
				t.Errorf("error %v", err)
			}
			if err == nil {
				discard(resp)
			}
			if resp, err = post(t, tr, t.Context(), url, "x"); err != nil || resp.StatusCode != http.StatusNoContent {
				t.Errorf("the next request: %v", err)
			} else {
				discard(resp)
			}
			if err := tr.Close(t.Context()); err != nil {
				t.Error(err)
			}
			noneLeft(t)
		})
	}
}

// One request after the other, and several at once, in both protocols.
func BenchmarkProtocol(b *testing.B) {
	s, trusting := secureServer(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	body := strings.Repeat("x", 200_000)
	for name, two := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		for _, width := range []int{1, 16} {
			b.Run(name+map[int]string{1: "/alone", 16: "/16"}[width], func(b *testing.B) {
				tr := New(Config{Owner: "bench", TLS: trusting, HTTP2: two, MaxConns: 32, MaxIdle: 32, WriteBuffer: 64 << 10})
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				b.SetParallelism(max(1, width/runtime.GOMAXPROCS(0)))
				one := func() {
					resp, err := post(b, tr, b.Context(), s.URL, body)
					if err != nil {
						b.Error(err)
						return
					}
					discard(resp)
				}
				if width == 1 {
					for b.Loop() {
						one()
					}
				} else {
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							one()
						}
					})
				}
				b.StopTimer()
				if err := tr.Close(context.Background()); err != nil {
					b.Error(err)
				}
			})
		}
	}
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
