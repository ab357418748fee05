package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"
)

// Config says what a [Transport] connects to, and how. Durations and numbers
// that are zero mean no limit, except where they say otherwise.
type Config struct {
	// Owner names the package or kind that owns the Transport, such as loki:
	// what Close says begins with it.
	Owner string
	// Peer names the other side. It is part of the profiler label only.
	Peer string
	// Dial makes a connection: that of a net.Dialer with a time limit of
	// DialTimeout if it is nil. It is called concurrently, and once for each
	// connection. Once ctx is done it ought to return soon: Close waits for it,
	// but for nothing that it starts and leaves running.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds the dial, if Dial is nil, and the handshake of TLS. If
	// Proxy or TLS is set, and Dial is nil, it bounds all that comes before the
	// first request on a connection together, what the proxy is asked included.
	DialTimeout time.Duration
	// TLS is for https addresses. It is not changed.
	TLS *tls.Config
	// Proxy is what is connected to in place of every address: an http, https or
	// socks5 URL, with what it is to be told as user and password. Nil: none.
	Proxy *url.URL
	// ProxyTLS is for an https Proxy; its ServerName is that of the proxy. It is
	// not changed.
	ProxyTLS *tls.Config
	// HTTP2 has https addresses spoken to in HTTP/2 if they offer it.
	HTTP2 bool
	// MaxConns bounds the connections: requests beyond wait.
	MaxConns int
	// MaxIdle bounds the connections that are kept for the next request: 2 by
	// default.
	MaxIdle int
	// IdleTimeout is for how long they are kept.
	IdleTimeout time.Duration
	// HeaderTimeout bounds the wait for an answer's header, from when the
	// request was sent.
	HeaderTimeout time.Duration
	// WriteBuffer is that of a connection, in bytes: 4 KiB by default.
	WriteBuffer int
}
