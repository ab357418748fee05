package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// tunnel answers CONNECT, and passes bytes until one side ends.
func tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := net.Dial("tcp", r.Host)
	if err != nil || r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(far, near); far.Close() })
	io.Copy(near, far)
	near.Close()
	wg.Wait()
}

// An https proxy has settings of its own, and what lies behind it is reached in
// either protocol.
func TestSecureProxy(t *testing.T) {
	s, trusting := secureServer(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto+" "+r.TLS.ServerName)
	})
	var asked []string
	p, _ := secureServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.TLS.ServerName+" "+r.Header.Get("Proxy-Authorization"))
		tunnel(w, r)
	})
	for want, two := range map[string]bool{"HTTP/1.1 example.com": false, "HTTP/2.0 example.com": true} {
		asked = nil
		main, proxy := trusting.Clone(), trusting.Clone()
		main.ServerName, proxy.ServerName = "example.com", "proxy.example.com"
		proxy.NextProtos = nil
		tr := New(Config{Owner: "test", TLS: main, HTTP2: two, ProxyTLS: proxy, Proxy: mustParse(t, "https://u:p@"+p.Listener.Addr().String())})
		resp, err := post(t, tr, t.Context(), s.URL, "x")
		if err != nil {
			t.Fatal(err)
		}
		got, _ := bufio.NewReader(resp.Body).ReadString(0)
		resp.Body.Close()
		if got != want || len(asked) != 1 || asked[0] != "proxy.example.com Basic dTpw" {
			t.Errorf("got %q, want %q; the proxy was asked by %q", got, want, asked)
		}
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
		noneLeft(t)
	}
}

// What a proxy is asked counts as dialling: a proxy that does not answer is left
// when that time is up, and holds nothing.
func TestSilentProxy(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			addr := rawServer(t, func(c net.Conn) { io.Copy(io.Discard, c) })
			tr := New(Config{Owner: "test", DialTimeout: 50 * time.Millisecond, TLS: &tls.Config{},
				Proxy: mustParse(t, scheme+"://"+addr), ProxyTLS: &tls.Config{ServerName: "proxy.example"}})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := post(t, tr, ctx, "https://loki.example", "x"); err == nil || ctx.Err() != nil {
				t.Errorf("%v, and the request has ended: %v", err, ctx.Err())
			}
			if n := tr.Open(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			if err := tr.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
