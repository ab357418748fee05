package transport

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// ErrUnasked is in the chain of what RoundTrip returns if the answer was there
// before its request was: it belongs to an earlier one, or to none. It is also
// what becomes of a 2xx that comes before the request is through: nobody can
// have done what they have not been told in full. That is looked at if the
// request has no GetBody. The request may have reached the other side all the
// same.
var ErrUnasked = errors.New("the other side answered before it was asked")

// How far a connection is with the request at hand.
const (
	taken    int32 = iota // nothing of it is written
	asked                 // something is
	answered              // and something was read since
)

// An asking is one RoundTrip. If the other side sends more than one answer to a
// request, net/http notices what is left over while the connection is idle. But
// a next request that comes first is given it as its own answer, whatever
// becomes of that request. Such an answer is known by its first byte, for which
// nothing had to be read once the request was begun.
type asking struct {
	conn    atomic.Pointer[conn] // the latest one
	unasked atomic.Bool
	left    atomic.Int64 // bytes of the body that have not been read, if that is known
}

// A reading is the body of a request.
type reading struct {
	io.ReadCloser
	of *asking
}

func (r reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.of.left.Add(-int64(n))
	return n, err
}

// watch returns req with what it takes to follow it.
func (a *asking) watch(req *http.Request) *http.Request {
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			c := connOf(got.Conn)
			a.conn.Store(c)
			if c != nil {
				c.phase.Store(taken)
			}
		},
		GotFirstResponseByte: func() {
			c := a.conn.Load()
			a.unasked.Store(c != nil && c.phase.Load() != answered)
		},
	}))
	if req.ContentLength > 0 && req.GetBody == nil {
		// A body that can be had anew is one in memory, mostly: of those net/http sends the first part with the header,
		// if it sees what they are.
		a.left.Store(req.ContentLength)
		req.Body = reading{req.Body, a}
	}
	return req
}

// judge returns what RoundTrip is to return.
func (a *asking) judge(resp *http.Response, err error) (*http.Response, error) {
	if err != nil || !a.tooEarly(resp) {
		return resp, err
	}
	// The connection may be in the pool again already, with more of the kind.
	if c := a.conn.Load(); c != nil {
		c.Close()
	}
	resp.Body.Close()
	return nil, ErrUnasked
}

// tooEarly is about HTTP/1.1: the streams of HTTP/2 have numbers.
func (a *asking) tooEarly(resp *http.Response) bool {
	if resp.ProtoMajor != 1 {
		return false
	}
	return a.unasked.Load() || resp.StatusCode/100 == 2 && a.left.Load() > 0
}
