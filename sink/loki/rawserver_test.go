package loki

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/logferry/logferry/internal/transport"
)

// A peer is a Sink's connection, seen from a server that decides about every byte.
type peer struct {
	net.Conn          // TLS, if the server speaks it
	raw      net.Conn // below TLS
	in       *bufio.Reader
	body     io.Reader // of the latest request
	length   int64     // of that
}

func newPeer(c net.Conn) *peer { return &peer{Conn: c, raw: c, in: bufio.NewReader(c)} }

// encrypt turns to TLS.
func (p *peer) encrypt(cfg *tls.Config) {
	p.Conn = tls.Server(p.raw, cfg)
	p.in = bufio.NewReader(p.Conn)
}

// head reads a request up to its body.
func (p *peer) head() error {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return err
	}
	p.body, p.length = req.Body, req.ContentLength
	return nil
}

// half reads half of a request's body.
func (p *peer) half() error {
	if err := p.head(); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, p.body, p.length/2)
	return err
}

// push reads a whole request.
func (p *peer) push() ([]pushedStream, error) {
	if err := p.head(); err != nil {
		return nil, err
	}
	return p.rest()
}

// keep reads a whole request, and v keeps what it holds.
func (p *peer) keep(v *vault) error {
	streams, err := p.push()
	if err == nil {
		v.store(streams)
	}
	return err
}

// rest reads a request whose head has been read.
func (p *peer) rest() ([]pushedStream, error) {
	body, err := io.ReadAll(p.body)
	if err != nil {
		return nil, err
	}
	streams, _, err := decodeBody(body)
	return streams, err
}

// say writes text. Whether anybody still listens shows elsewhere.
func (p *peer) say(text string) { _, _ = io.WriteString(p.Conn, text) }

// reset ends the connection with an RST.
func (p *peer) reset() {
	if c, ok := p.raw.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	p.raw.Close()
}

const answer204 = "HTTP/1.1 204 No Content\r\n\r\n"

func answerOf(status int, body string) string {
	return "HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) +
		"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// serveWell does what a healthy Loki does, until the client goes.
func serveWell(p *peer, v *vault) {
	for {
		if p.keep(v) != nil {
			return
		}
		p.say(answer204)
	}
}

// peerServer hands every connection to serve, with its number, from 0, and closes it afterwards.
func peerServer(t *testing.T, serve func(n int, p *peer)) (url string) {
	return rawServer(t, func(n int, c net.Conn) { serve(n, newPeer(c)) })
}

// rawServer takes connections and leaves each to serve, with its number, from 0.
func rawServer(t *testing.T, serve func(n int, c net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serveOn(l, serve))
	return "http://" + l.Addr().String()
}

// serveOn serves until stop is called, which closes the connections and waits.
func serveOn(l net.Listener, serve func(n int, c net.Conn)) (stop func()) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	stopped := false
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if stopped {
				mu.Unlock()
				c.Close()
				return
			}
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				serve(n, c)
				c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	return func() {
		l.Close()
		mu.Lock()
		stopped = true
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	}
}

// readRequest reads one request off c.
func readRequest(c net.Conn) error {
	p := newPeer(c)
	if err := p.head(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, p.body)
	return err
}

// dialWith has s dial by dial, unless that is nil, and over TLS trust what trust says. It takes the place of s's unused
// Transport.
func dialWith(s *Sink, dial func(ctx context.Context, network, addr string) (net.Conn, error), trust *tls.Config) {
	cfg := s.cfg.transport(s.url, nil, trust, nil)
	cfg.Dial = dial
	s.transport = transport.New(cfg)
}
