package transport

import (
	"net"
	"sync/atomic"
	"time"
)

// A conn counts as open until it is closed and no Read or Write of it is under
// way: then net/http's two goroutines for it have nothing left to wait for.
type conn struct {
	net.Conn
	transport *Transport
	made      *generation
	users     atomic.Int64 // 1 until Close, and 1 for every Read and Write
	closed    atomic.Bool
	left      atomic.Bool  // told the Transport; a Read after that fails and changes nothing
	unsent    atomic.Int64 // Writes under way, and those that failed
	heard     atomic.Int64 // when something was last read; nanoseconds since 1970
	timed     atomic.Bool  // it has a deadline, which ends with the first request
	phase     atomic.Int32 // how far it is with the request at hand: taken, asked or answered
}

func (c *conn) Read(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
		c.phase.CompareAndSwap(asked, answered)
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	c.phase.CompareAndSwap(taken, asked)
	c.unsent.Add(1)
	n, err := c.Conn.Write(p)
	if err == nil {
		c.unsent.Add(-1)
	}
	return n, err
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
		c.made.open.Add(-1)
		c.transport.left()
	}
}

// limit has the connection fail at a time, unless it has a request by then.
// Not every Dial's connections know deadlines: it is a limit more.
func (c *conn) limit(at time.Time) {
	c.timed.Store(true)
	_ = c.SetDeadline(at)
}

// begin ends what limit began.
func (c *conn) begin() {
	if c.timed.CompareAndSwap(true, false) {
		_ = c.SetDeadline(time.Time{})
	}
}

// connOf returns the conn below c, a connection as net/http shows it: TLS may be
// on top. Nil: it is none of ours.
func connOf(c net.Conn) *conn {
	for c != nil {
		switch under := c.(type) {
		case *conn:
			return under
		case interface{ NetConn() net.Conn }:
			c = under.NetConn()
		default:
			return nil
		}
	}
	return nil
}

// Unsent reports whether something written to c, which is a connection of a
// Transport as net/http/httptrace shows it, has not gone out: a Write is under
// way, or one has failed. It may be called at any time.
func Unsent(c net.Conn) bool {
	under := connOf(c)
	return under != nil && under.unsent.Load() > 0
}
