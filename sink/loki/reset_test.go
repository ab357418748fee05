package loki

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// A breakage is how far a server goes before the connection breaks.
type breakage struct {
	name string
	do   func(p *peer, v *vault) error
}

// then says text after a request, which is stored if keep is set.
func then(name string, keep bool, text string) breakage {
	return breakage{name, func(p *peer, v *vault) error {
		streams, err := p.push()
		if err != nil {
			return err
		}
		if keep {
			v.store(streams)
		}
		p.say(text)
		return nil
	}}
}

// breakages are in the order in which an exchange gets there. None ends in an answer that can be relied on.
var breakages = []breakage{
	{"at once", func(*peer, *vault) error { return nil }},
	{"in the request's head", func(p *peer, _ *vault) error { _, err := p.in.ReadByte(); return err }},
	{"after the request's head", func(p *peer, _ *vault) error { return p.head() }},
	{"after half the request", func(p *peer, _ *vault) error { return p.half() }},
	then("after the request", false, ""),
	then("after the commit", true, ""),
	then("in the status line", true, "HTTP/1.1 20"),
	then("after the status line", true, "HTTP/1.1 204 No Content\r\n"),
	then("in the header", true, "HTTP/1.1 204 No Content\r\nDate: Mon, 01 J"),
	then("in the header of a refusal", false, "HTTP/1.1 400 Bad Request\r\nContent-"),
	then("before the body", false, "HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n"),
	then("in the body", false, "HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\nentry for stream '{"),
	then("in a chunk", false, "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nentry for stream '{"),
	then("between two chunks", false, "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nentry\r\n"),
	then("after an informational answer", false, "HTTP/1.1 103 Early Hints\r\n\r\n"),
	then("in the body of a 204 that should have none", false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"),
}

// endings are what a connection breaks with.
var endings = []struct {
	name string
	end  func(*peer)
}{
	{"RST", (*peer).reset},
	{"FIN", func(p *peer) { p.Close() }},
	{"half-close", func(p *peer) {
		if c, ok := p.raw.(*net.TCPConn); ok {
			_ = c.CloseWrite() // it fails if the connection is gone
		}
		_, _ = io.Copy(io.Discard, p.raw)
	}},
	{"FIN without a word of TLS", func(p *peer) { p.raw.Close() }},
}

// Wherever a connection breaks, and however, the Write says that what it was about is worth a retry; and the next one
// delivers it, on another connection, once.
func TestConnectionBreaks(t *testing.T) {
	server, client := certificate(t)
	for _, scheme := range []string{"http", "https"} {
		for _, b := range breakages {
			for _, e := range endings {
				t.Run(scheme+"/"+b.name+"/"+e.name, func(t *testing.T) {
					v := newVault()
					url := peerServer(t, func(n int, p *peer) {
						if scheme == "https" {
							p.encrypt(server)
						}
						if n > 0 {
							serveWell(p, v)
							p.Close()
							return
						}
						if b.do(p, v) == nil {
							e.end(p)
						}
					})
					s := newSink(t, strings.Replace(url, "http", scheme, 1))
					dialWith(s, nil, client)
					breakThenDeliver(t, s, v)
				})
			}
		}
	}
}

// breakThenDeliver writes twice: the first Write meets a fault, and the second one does not.
func breakThenDeliver(t *testing.T, s *Sink, v *vault) {
	t.Helper()
	b := noise(1, shop, 30, 10_000)
	err := s.Write(t.Context(), b)
	if classOf(err) != retry {
		t.Errorf("the Write that met it: %v", err)
	}
	if s.Health() == nil {
		t.Error("the sink is well")
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatalf("the Write after it: %v", err)
	}
	v.believe(t, b, nil)
	if n, _ := v.size(); n != len(b.Entries) || s.Health() != nil {
		t.Errorf("%d of %d entries are kept; %v", n, len(b.Entries), s.Health())
	}
	closeInTime(t, s)
}

// closeInTime closes s, which has nothing to wait for.
func closeInTime(t *testing.T, s *Sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := s.transport.Open(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// So it goes in a handshake.
func TestHandshakeBreaks(t *testing.T) {
	server, client := certificate(t)
	for name, do := range map[string]func(p *peer){
		"before the hello": func(*peer) {},
		"in the hello":     func(p *peer) { _, _ = p.in.Peek(3) },
		"after the hello":  func(p *peer) { _, _ = p.in.Peek(100) },
		"in the answer": func(p *peer) {
			_, _ = p.in.Peek(100)
			p.say("\x16\x03\x03\x00\x7a\x02")
		},
		"with an alert": func(p *peer) {
			_, _ = p.in.Peek(100)
			p.say("\x15\x03\x03\x00\x02\x02\x28")
		},
		"with plain text": func(p *peer) {
			_, _ = p.in.Peek(100)
			p.say(answerOf(400, "plain HTTP request was sent to HTTPS port"))
		},
		"after the handshake": func(p *peer) {
			p.encrypt(server)
			_ = p.Conn.(*tls.Conn).Handshake()
		},
	} {
		for _, e := range endings {
			t.Run(name+"/"+e.name, func(t *testing.T) {
				v := newVault()
				url := peerServer(t, func(n int, p *peer) {
					if n > 0 {
						p.encrypt(server)
						serveWell(p, v)
						return
					}
					do(p)
					e.end(p)
				})
				s := newSink(t, strings.Replace(url, "http", "https", 1))
				dialWith(s, nil, client)
				breakThenDeliver(t, s, v)
			})
		}
	}
}

// A server nobody can trust is worth a retry, because certificates are renewed; and it opens a breaker.
func TestCertificateHasExpired(t *testing.T) {
	server, client := certificate(t, expired)
	url := peerServer(t, func(_ int, p *peer) {
		p.encrypt(server)
		serveWell(p, newVault())
	})
	s := newSink(t, strings.Replace(url, "http", "https", 1))
	dialWith(s, nil, client)
	fenced := sink.Breaker(s, sink.BreakerConfig{Failures: 2})
	for range 2 {
		if err := fenced.Write(t.Context(), newBatch(shop, "x")); classOf(err) != retry || !strings.Contains(err.Error(), "expired") {
			t.Error(err)
		}
	}
	if err := fenced.Write(t.Context(), newBatch(shop, "x")); !errors.Is(err, sink.ErrBreakerOpen) {
		t.Error(err)
	}
	closeInTime(t, s)
}

// One connection after the other breaks in another way; whoever retries gets everything there, once and in order.
func TestConnectionsBreakInTurn(t *testing.T) {
	v := newVault()
	var broken atomic.Int64
	url := peerServer(t, func(n int, p *peer) {
		if n%2 == 1 {
			// One request goes well, so that a connection that was idle breaks as well.
			if p.keep(v) != nil {
				return
			}
			p.say(answer204)
		}
		k := n / 2
		if k >= len(breakages)*2 {
			serveWell(p, v)
			return
		}
		if breakages[k%len(breakages)].do(p, v) == nil {
			broken.Add(1)
			endings[k/len(breakages)].end(p)
		}
	})
	s := newSink(t, url)
	again := quick(s)
	var want []string
	for i := range 3 * len(breakages) {
		b := noise(uint64(i), shop, 20, 5_000)
		for k := range b.Entries {
			want = append(want, string(b.Entries[k].Line))
		}
		err := again.Write(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		v.believe(t, b, err)
	}
	if !slices.Equal(v.lines(shop), want) {
		t.Errorf("%d lines are kept, want %d, in order", len(v.lines(shop)), len(want))
	}
	if broken.Load() < int64(len(breakages)) {
		t.Errorf("only %d connections broke", broken.Load())
	}
	closeInTime(t, s)
}

// An idle connection that breaks when the next request is on it costs nothing but a new one: what had been answered is
// delivered, and the request goes out again within the same Write.
func TestIdleConnectionBreaks(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			v := newVault()
			url := peerServer(t, func(_ int, p *peer) {
				if p.keep(v) != nil {
					return
				}
				p.say(answer204)
				if _, err := p.in.ReadByte(); err == nil {
					e.end(p)
				}
			})
			s := newSink(t, url)
			for i := range 20 {
				b := noise(uint64(i), shop, 3, 100)
				if err := s.Write(t.Context(), b); err != nil {
					t.Errorf("Write %d: %v", i, err)
				}
				v.believe(t, b, nil)
			}
			closeInTime(t, s)
		})
	}
}
