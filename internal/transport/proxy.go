package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// proxy is what net/http is told of the proxy. Without one it is nil: the
// environment, which net/http would ask, is not ours to read.
//
// TLS to an https proxy is ours, because net/http would use the settings that
// are for what lies behind it, and give the proxy the client's certificate.
func (t *Transport) proxy() func(*http.Request) (*url.URL, error) {
	if t.cfg.Proxy == nil {
		return nil
	}
	via := *t.cfg.Proxy
	if t.overTLS() {
		via.Scheme = "http"
		if via.Port() == "" {
			via.Host += ":443"
		}
	}
	return http.ProxyURL(&via)
}

// overTLS reports whether the proxy is spoken to over TLS.
func (t *Transport) overTLS() bool { return t.cfg.Proxy != nil && t.cfg.Proxy.Scheme == "https" }

// toProxy makes the connection to a proxy one over TLS. It owns c, and closes it
// if it fails.
func (t *Transport) toProxy(ctx context.Context, c net.Conn, cfg *tls.Config, begun time.Time) (net.Conn, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	if t.cfg.DialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, begun.Add(t.cfg.DialTimeout))
		defer cancel()
	}
	secure := tls.Client(c, cfg)
	err := secure.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}
