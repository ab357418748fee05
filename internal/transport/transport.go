package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxHeader    = 64 << 10              // bytes of an answer's header
	closeRecheck = 20 * time.Millisecond // how often Close looks for connections that have become idle
	exitRecheck  = time.Millisecond      // how often it asks for their goroutines
)

// label is the key of the profiler label, the one lifecycle uses for its tasks.
const label = "logferry"

// A Transport is an [http.RoundTripper] that speaks HTTP/1.1, or HTTP/2 if asked,
// and, other than net/http's, can say that all it started has ended. [New] makes
// one; its methods may be called concurrently. It works in a bubble of
// testing/synctest too, if all its requests are made in there and Dial connects
// within it.
type Transport struct {
	cfg   Config
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	plain bool          // dial is a net.Dialer's
	name  string        // the value of the label
	id    string        // the part of it that no other Transport's has
	used  atomic.Bool   // there was a dial
	open  atomic.Int64  // connections of all generations, those being dialled included
	gone  chan struct{} // told, if there is room, when open falls
	ended atomic.Bool   // Close was called: nothing is dialled any more

	current  atomic.Pointer[generation]
	renewing sync.Mutex    // held for moments
	retired  []*generation // guarded by renewing
	old      atomic.Int64  // how many those are
}

// New returns a Transport that has not connected yet. Its owner closes it after
// the last request.
func New(cfg Config) *Transport {
	t := &Transport{cfg: cfg, dial: cfg.Dial, gone: make(chan struct{}, 1)}
	t.id = fmt.Sprintf("%p", t)
	t.name = cfg.Owner + "/" + cfg.Peer + "/" + t.id
	if t.plain = t.dial == nil; t.plain {
		t.dial = (&net.Dialer{Timeout: cfg.DialTimeout}).DialContext
	}
	t.current.Store(t.generation(cfg.TLS, cfg.ProxyTLS))
	return t
}

// generation makes one that has no connections.
func (t *Transport) generation(main, proxy *tls.Config) *generation {
	g := &generation{proxyTLS: proxy}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	if t.cfg.HTTP2 {
		protocols.SetHTTP2(true)
		main = main.Clone() // which net/http changes
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return t.connect(ctx, g, network, addr)
	}
	g.http = &http.Transport{
		Proxy:                  t.proxy(),
		DialContext:            dial,
		TLSClientConfig:        main,
		TLSHandshakeTimeout:    t.cfg.DialTimeout,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConns:           t.cfg.MaxIdle,
		MaxIdleConnsPerHost:    t.cfg.MaxIdle,
		MaxConnsPerHost:        t.cfg.MaxConns,
		IdleConnTimeout:        t.cfg.IdleTimeout,
		ResponseHeaderTimeout:  t.cfg.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        t.cfg.WriteBuffer,
	}
	return g
}

// RoundTrip is one HTTP exchange, as [http.RoundTripper] describes it: the body
// of an answer belongs to the caller, and holds its connection until it is
// closed. Redirects are answers like any other. What was sent unasked is none:
// see [ErrUnasked]; nor is 101, by which the other side would take the
// connection over.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.closeRetired()
	g := t.current.Load()
	var a asking
	req = a.watch(req)
	if t.staged() {
		return refuseSwitch(a.judge(t.watched(g, req)))
	}
	return refuseSwitch(a.judge(g.http.RoundTrip(req)))
}

// staged reports whether a connection is more than what was dialled.
func (t *Transport) staged() bool { return t.cfg.TLS != nil || t.cfg.Proxy != nil || t.cfg.HTTP2 }

// Open returns how many connections there are, those being dialled included.
func (t *Transport) Open() int { return int(t.open.Load()) }

// connect runs in a goroutine that net/http made for it, and in which it starts
// those of the connection: they inherit the label. What a net.Dialer starts, to
// try several addresses at once, inherits it too. What the caller's dial starts
// does not: it may serve many connections, as that of an SSH client does, and
// last longer than we do.
func (t *Transport) connect(ctx context.Context, g *generation, network, addr string) (net.Conn, error) {
	t.open.Add(1)
	g.open.Add(1)
	// Close looks at open after it has set ended: it waits for this dial, or the dial comes to nothing.
	if t.ended.Load() {
		g.open.Add(-1)
		t.left()
		return nil, errEnded
	}
	t.used.Store(true)
	labelled := pprof.WithLabels(ctx, pprof.Labels(label, t.name))
	if t.plain {
		pprof.SetGoroutineLabels(labelled)
	}
	begun := time.Now()
	c, err := t.dial(ctx, network, addr)
	pprof.SetGoroutineLabels(labelled)
	if err == nil && t.overTLS() {
		c, err = t.toProxy(ctx, c, g.proxyTLS, begun)
	}
	if err != nil {
		g.open.Add(-1)
		t.left()
		return nil, err
	}
	counted := &conn{Conn: c, transport: t, made: g}
	counted.users.Store(1)
	if t.plain && t.staged() && t.cfg.DialTimeout > 0 {
		counted.limit(begun.Add(t.cfg.DialTimeout))
	}
	return counted, nil
}

var errEnded = errors.New("the transport is closed")

func (t *Transport) left() {
	t.open.Add(-1)
	select {
	case t.gone <- struct{}{}:
	default:
	}
}

// Close closes all connections that are not in use, and those in use once they
// no longer are, and returns when none is left, nor any of their goroutines. If
// ctx is done before, the error says what is left, and Close may be called
// again. It ends no request: whoever has one under way cancels it first and
// closes the body. From the first call on there are no new connections, and
// requests that need one fail.
func (t *Transport) Close(ctx context.Context) error {
	t.ended.Store(true)
	// A connection whose dial outlives its request becomes idle after the first call.
	recheck := time.NewTicker(closeRecheck)
	defer recheck.Stop()
	for {
		t.closeRetired()
		t.current.Load().http.CloseIdleConnections()
		n := t.open.Load()
		if n == 0 {
			return t.awaitExits(ctx)
		}
		select {
		case <-t.gone:
		case <-recheck.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: close: %d connections are left: %w", t.cfg.Owner, n, context.Cause(ctx))
		}
	}
}

// awaitExits returns when the goroutines have ended, which they do by
// themselves once their connection is closed.
func (t *Transport) awaitExits(ctx context.Context) error {
	if !t.used.Load() {
		return nil
	}
	recheck := time.NewTicker(exitRecheck)
	defer recheck.Stop()
	for {
		if !t.running() {
			return nil
		}
		select {
		case <-recheck.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: close: goroutines of closed connections are left: %w", t.cfg.Owner, context.Cause(ctx))
		}
	}
}

// running reports whether a goroutine with our label exists. It stops the world
// for a moment, and so is for Close only.
func (t *Transport) running() bool {
	var profile bytes.Buffer
	// Text, because only that has labels without a decoder; a Buffer does not fail.
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	return bytes.Contains(profile.Bytes(), []byte("/"+t.id+`"`))
}
