package loki

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/internal/transport"
)

// A phase is how far a request has got.
type phase int32

const (
	dialling    phase = iota // or waiting for a connection, of which there is a bound
	handshaking              // with the proxy or with Loki
	sending
	awaiting
	receiving
)

func (p phase) String() string {
	return [...]string{"connecting", "TLS handshake", "sending the request", "waiting for the answer", "reading the answer"}[p]
}

// A journey is where a request is, and since when. net/http tells it from several goroutines.
type journey struct {
	what   string // it is for: "push to", say
	start  time.Time
	at     atomic.Int32
	since  atomic.Int64 // when the phase began, counted from start
	conn   atomic.Pointer[net.Conn]
	reused atomic.Bool // the connection has had a request before
}

func newJourney(what string) *journey { return &journey{what: what, start: time.Now()} }

// traced returns a ctx by which net/http tells of an attempt, which begins now.
func (j *journey) traced(ctx context.Context) context.Context {
	j.conn.Store(nil)
	j.reused.Store(false)
	j.enter(dialling)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { j.enter(dialling) },
		// A connection may be made for this request and another one be had before that is ready: then it is not on the way
		// any more.
		TLSHandshakeStart: func() { j.advance(dialling, handshaking) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				j.advance(handshaking, dialling)
			}
		},
		GotConn: func(c httptrace.GotConnInfo) {
			j.conn.Store(&c.Conn)
			j.reused.Store(c.Reused)
			j.enter(sending)
		},
		WroteRequest: func(w httptrace.WroteRequestInfo) {
			if w.Err == nil {
				j.advance(sending, awaiting)
			}
		},
	})
}

func (j *journey) enter(p phase) {
	j.since.Store(int64(time.Since(j.start)))
	j.at.Store(int32(p))
}

func (j *journey) advance(from, to phase) {
	if j.at.CompareAndSwap(int32(from), int32(to)) {
		j.since.Store(int64(time.Since(j.start)))
	}
}

// phase returns how far the request has got. net/http calls it written when the last of it lies in a buffer.
func (j *journey) phase() phase {
	p := phase(j.at.Load())
	if c := j.conn.Load(); p == awaiting && c != nil && transport.Unsent(*c) {
		return sending
	}
	return p
}

// whole reports whether all of the request has gone out.
func (j *journey) whole() bool { return j.phase() >= awaiting }

// String names the phase and how long it has lasted.
func (j *journey) String() string {
	took := time.Since(j.start) - time.Duration(j.since.Load())
	return fmt.Sprintf("%v, after %v", j.phase(), took.Round(time.Millisecond))
}
