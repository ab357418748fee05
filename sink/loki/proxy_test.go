package loki

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A forwarder is an HTTP proxy. It notes what it was asked for and by whom, and what requests in clear went through it.
type forwarder struct {
	mu    sync.Mutex
	asked []string
	deny  string // a status with its phrase; empty: all may pass
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
	deny := f.deny
	f.mu.Unlock()
	switch {
	case deny != "":
		c, _, _ := w.(http.Hijacker).Hijack()
		fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", deny)
		c.Close()
	case r.Method == http.MethodConnect:
		f.tunnel(w, r)
	default:
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		r.Header.Del("Proxy-Authorization")
		resp, err := tr.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}
}

func (f *forwarder) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		far.Close()
		return
	}
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	join(near, far)
}

// join passes bytes between a and b until one of them ends.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(a, b); a.Close() })
	io.Copy(b, a)
	b.Close()
	wg.Wait()
}

// all returns what was asked so far.
func (f *forwarder) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "; ")
}

// socks serves SOCKS5, RFC 1928 and 1929, on c: for one user, if there is one, and TCP connections only.
func socks(c net.Conn, user, password string) error {
	r := bufio.NewReader(c)
	next := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(r, b)
		return b
	}
	if next(1)[0] != 5 {
		return errors.New("not SOCKS5")
	}
	next(int(next(1)[0])) // the methods it offers
	if user == "" {
		c.Write([]byte{5, 0})
	} else {
		c.Write([]byte{5, 2})
		next(1)
		gave := string(next(int(next(1)[0]))) + ":" + string(next(int(next(1)[0])))
		if gave != user+":"+password {
			c.Write([]byte{1, 1})
			return errors.New("refused")
		}
		c.Write([]byte{1, 0})
	}
	head := next(4)
	var host string
	switch head[3] {
	case 1:
		host = net.IP(next(4)).String()
	case 3:
		host = string(next(int(next(1)[0])))
	default:
		return errors.New("no such address")
	}
	far, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(next(2)))))
	if err != nil {
		return err
	}
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(c, far)
	return nil
}

// withUser returns address with a user and a password.
func withUser(address string) string {
	u, _ := url.Parse(address)
	u.User = url.UserPassword("u", "p@ss")
	return u.String()
}

// Every kind of proxy leads to every kind of Loki.
func TestProxies(t *testing.T) {
	root := newAuthority(t, "root", nil)
	pair := func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{root.issue("127.0.0.1")}} }
	files := TLSConfig{CAFile: put(t, filepath.Join(t.TempDir(), "ca"), root.pem())}
	auth := " Basic " + basic("u", "p@ss")
	for _, two := range []bool{false, true} {
		for _, kind := range []string{"http", "https", "socks5"} {
			for _, secure := range []bool{false, true} {
				if two && !secure {
					continue
				}
				t.Run(fmt.Sprintf("%s, secure %v, HTTP/2 %v", kind, secure, two), func(t *testing.T) {
					var f *fakeLoki
					if secure {
						f = newSecureFake(t, pair())
					} else {
						f = newFake(t)
					}
					through := &forwarder{}
					var proxy string
					switch kind {
					case "http":
						p := httptest.NewServer(through)
						t.Cleanup(p.Close)
						proxy = p.URL
					case "https":
						cfg := pair()
						cfg.NextProtos = []string{"http/1.1"}
						p := httptest.NewUnstartedServer(through)
						p.TLS = cfg
						p.StartTLS()
						t.Cleanup(p.Close)
						proxy = p.URL
					case "socks5":
						proxy = strings.Replace(rawServer(t, func(_ int, c net.Conn) {
							if err := socks(c, "u", "p@ss"); err != nil {
								t.Error(err)
							}
						}), "http://", "socks5://", 1)
					}
					s := newSink(t, f.URL, func(c *Config) {
						c.ProxyURL, c.HTTP2 = withUser(proxy), two
						if secure || kind == "https" {
							c.TLSConfig = files
						}
					})
					for range 2 {
						if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
							t.Fatal(err)
						}
					}
					f.CloseClientConnections()
					if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
						t.Fatal(err)
					}
					if n := len(f.all()); n != 3 {
						t.Errorf("%d pushes", n)
					}
					host := strings.TrimPrefix(strings.TrimPrefix(f.URL, "https://"), "http://")
					want := "CONNECT " + host + auth
					if !secure {
						want = "POST " + f.URL + pushPath + auth
					}
					if got := through.all(); kind != "socks5" && !strings.HasPrefix(got, want) {
						t.Errorf("the proxy was asked %q, want %q", got, want)
					}
				})
			}
		}
	}
}

// A proxy that refuses is told as such, and the data is kept.
func TestProxyRefuses(t *testing.T) {
	p := httptest.NewServer(&forwarder{deny: "407 Proxy Authentication Required"})
	t.Cleanup(p.Close)
	for target, want := range map[string]string{
		"https://loki.example": "loki: push to https://loki.example through the proxy: connecting, after ",
		"http://loki.example":  "check the credentials and the tenant: status 407",
	} {
		err := newSink(t, target, func(c *Config) { c.ProxyURL = p.URL }).Write(t.Context(), newBatch(shop, "x"))
		if classOf(err) != retry || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused := rawServer(t, func(_ int, c net.Conn) { _ = socks(c, "u", "other") })
	err := newSink(t, "https://loki.example", func(c *Config) {
		c.ProxyURL = withUser(strings.Replace(refused, "http://", "socks5://", 1))
	}).Write(t.Context(), newBatch(shop, "x"))
	if classOf(err) != retry || !strings.Contains(err.Error(), "through the proxy: connecting") || !strings.Contains(err.Error(), "authentication failed") {
		t.Error(err)
	}
}
