package loki

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// This file is the one that deals with net/http's Transport, which starts goroutines for every connection. They end
// with it, so the Transport is never shared, and every connection is counted from the dial until nobody uses it. That
// they have ended is more than the Transport can tell: so they carry a profiler label, by which Close looks for them.

const (
	maxConns     = 32
	idleTimeout  = 55 * time.Second // below the minute after which many a gateway closes
	maxDialTime  = 10 * time.Second
	maxHeader    = 64 << 10
	writeBuffer  = 64 << 10
	closeRecheck = 20 * time.Millisecond
	exitRecheck  = time.Millisecond
)

// label is the key of the profiler label, the one lifecycle uses for its tasks.
const label = "logferry"

type transport struct {
	http *http.Transport
	name string        // the value of the label
	id   string        // the part of it that no other Sink's has
	used atomic.Bool   // there was a dial
	open atomic.Int64  // connections, those being dialled included
	gone chan struct{} // told, if there is room, when open falls
}

func newTransport(host string, timeout time.Duration) *transport {
	t := &transport{gone: make(chan struct{}, 1)}
	t.id = fmt.Sprintf("%p", t)
	t.name = "loki/" + host + "/" + t.id
	dialer := &net.Dialer{Timeout: min(timeout, maxDialTime)}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	t.http = &http.Transport{
		// No Proxy: the environment is not ours to read.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return t.dial(ctx, dialer, network, addr)
		},
		TLSHandshakeTimeout:    min(timeout, maxDialTime),
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConns:           maxConns,
		MaxIdleConnsPerHost:    maxConns,
		MaxConnsPerHost:        maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        writeBuffer,
	}
	return t
}

// roundTrip is one HTTP exchange. Redirects are answers like any other.
func (t *transport) roundTrip(req *http.Request) (*http.Response, error) {
	return t.http.RoundTrip(req)
}

// dial runs in a goroutine that the Transport made for it, and in which it starts those of the connection: they inherit
// the label.
func (t *transport) dial(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
	t.open.Add(1)
	t.used.Store(true)
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels(label, t.name)))
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		t.left()
		return nil, err
	}
	counted := &conn{Conn: c, transport: t}
	counted.users.Store(1)
	return counted, nil
}

func (t *transport) left() {
	t.open.Add(-1)
	select {
	case t.gone <- struct{}{}:
	default:
	}
}

// close closes all connections that are not in use, and those in use once they no longer are, and returns when none is
// left, nor any of their goroutines.
func (t *transport) close(ctx context.Context) error {
	// A connection whose dial outlives its request becomes idle after the first call.
	recheck := time.NewTicker(closeRecheck)
	defer recheck.Stop()
	for {
		t.http.CloseIdleConnections()
		n := t.open.Load()
		if n == 0 {
			return t.awaitExits(ctx)
		}
		select {
		case <-t.gone:
		case <-recheck.C:
		case <-ctx.Done():
			return fmt.Errorf("loki: close: %d connections are left: %w", n, context.Cause(ctx))
		}
	}
}

// awaitExits returns when the goroutines have ended, which they do by themselves once their connection is closed.
func (t *transport) awaitExits(ctx context.Context) error {
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
			return fmt.Errorf("loki: close: goroutines of closed connections are left: %w", context.Cause(ctx))
		}
	}
}

// running reports whether a goroutine with our label exists. It stops the world for a moment, and so is for Close only.
func (t *transport) running() bool {
	var profile bytes.Buffer
	// Text, because only that has labels without a decoder; a Buffer does not fail.
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	return bytes.Contains(profile.Bytes(), []byte("/"+t.id+`"`))
}

// A conn counts as open until it is closed and no Read or Write of it is under way: then net/http's two goroutines for
// it have nothing left to wait for.
type conn struct {
	net.Conn
	transport *transport
	users     atomic.Int64 // 1 until Close, and 1 for every Read and Write
	closed    atomic.Bool
	left      atomic.Bool // told the transport; a Read after that fails and changes nothing
}

func (c *conn) Read(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	return c.Conn.Read(p)
}

func (c *conn) Write(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	if c.closed.CompareAndSwap(false, true) {
		c.release()
	}
	return err
}

func (c *conn) release() {
	if c.users.Add(-1) == 0 && c.left.CompareAndSwap(false, true) {
		c.transport.left()
	}
}
