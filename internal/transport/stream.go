package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// deadAfter is how long a connection must have been silent to count as dead. A
// request that is given less time says nothing about it.
const deadAfter = time.Second

// watched is RoundTrip where a connection is not ready for a request as soon as
// it is dialled, or is shared by several.
func (t *Transport) watched(g *generation, req *http.Request) (*http.Response, error) {
	w := watch{}
	ctx := req.Context()
	traced := req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: w.got}))
	if !t.cfg.HTTP2 {
		return g.http.RoundTrip(traced)
	}
	var resp *http.Response
	var err error
	t.labelled(ctx, func() { resp, err = g.http.RoundTrip(traced) })
	if err != nil {
		w.failed(ctx, err)
		return nil, err
	}
	if resp.ProtoMajor == 2 {
		resp.Body = &labelledBody{ReadCloser: resp.Body, transport: t, ctx: ctx}
	}
	return resp, nil
}

// labelled calls f, and what f starts is known by our label.
func (t *Transport) labelled(ctx context.Context, f func()) {
	pprof.Do(ctx, pprof.Labels(label, t.name), func(context.Context) { f() })
}

// A watch knows the connection of a request.
type watch struct {
	conn  atomic.Pointer[conn]
	since atomic.Int64 // when the request got it; nanoseconds since 1970
}

func (w *watch) got(info httptrace.GotConnInfo) {
	c := connOf(info.Conn)
	if c == nil {
		return
	}
	c.begin()
	w.since.Store(time.Now().UnixNano())
	w.conn.Store(c)
}

// failed closes the connection if it is dead: the time of the request is up, and
// nothing has come since it got the connection, for this request or any other.
// Otherwise every request to come would wait on it for its own time to be up.
func (w *watch) failed(ctx context.Context, err error) {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	late := errors.Is(ctx.Err(), context.DeadlineExceeded) || ok && timeout.Timeout()
	c := w.conn.Load()
	if c == nil || !late {
		return
	}
	since := w.since.Load()
	if c.heard.Load() < since && time.Now().UnixNano()-since >= int64(deadAfter) {
		_ = c.Close() // whoever uses it is told
	}
}

// A labelledBody is the body of an answer in HTTP/2. Closing it early may start
// a goroutine.
type labelledBody struct {
	io.ReadCloser
	transport *Transport
	ctx       context.Context
}

func (b *labelledBody) Close() (err error) {
	b.transport.labelled(b.ctx, func() { err = b.ReadCloser.Close() })
	return err
}
