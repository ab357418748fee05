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
// have done what they have not been told in full. The request may have reached
// the other side all the same.
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
	body    *reading // nil: its length is not known, or zero
}

// A reading is the body of a request.
type reading struct {
	io.ReadCloser
	left atomic.Int64 // bytes that have not been read
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.left.Add(-int64(n))
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
	if req.ContentLength > 0 {
		req.Body = a.read(req.Body, req.ContentLength)
		if again := req.GetBody; again != nil {
			req.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				if err != nil {
					return nil, err
				}
				return a.read(body, req.ContentLength), nil
			}
		}
	}
	return req
}

// read returns body as the one that counts from now on. It is called by whoever
// calls RoundTrip.
func (a *asking) read(body io.ReadCloser, size int64) io.ReadCloser {
	a.body = &reading{ReadCloser: body}
	a.body.left.Store(size)
	return a.body
}

// judge returns what RoundTrip is to return.
func (a *asking) judge(resp *http.Response, err error) (*http.Response, error) {
	if err != nil || !a.tooEarly(resp) {
		return resp, err
	}
	// The connection may be in the pool again already, with more of the kind. In HTTP/2 it has other requests.
	if c := a.conn.Load(); c != nil && resp.ProtoMajor == 1 {
		c.Close()
	}
	resp.Body.Close()
	return nil, ErrUnasked
}

// tooEarly reports whether resp is no answer to the request. In HTTP/2 none is taken for that of another request, since
// its streams have numbers.
func (a *asking) tooEarly(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && a.unasked.Load() ||
		resp.StatusCode/100 == 2 && a.body != nil && a.body.left.Load() > 0
}
