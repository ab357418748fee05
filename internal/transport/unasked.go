package transport

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// ErrUnasked is in the chain of what RoundTrip returns if the answer was there
// before its request was: it belongs to an earlier one, or to none. The request
// may have reached the other side all the same.
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
}

// watch returns req with what it takes to follow it.
func (a *asking) watch(req *http.Request) *http.Request {
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
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
}

// judge returns what RoundTrip is to return.
func (a *asking) judge(resp *http.Response, err error) (*http.Response, error) {
	if err != nil || !a.unasked.Load() || resp.ProtoMajor != 1 {
		return resp, err
	}
	// The connection may be in the pool again already, with more of the kind.
	a.conn.Load().Close()
	resp.Body.Close()
	return nil, ErrUnasked
}
