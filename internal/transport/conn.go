package transport

import (
	"net"
	"sync/atomic"
)

// A conn counts as open until it is closed and no Read or Write of it is under
// way: then net/http's two goroutines for it have nothing left to wait for.
type conn struct {
	net.Conn
	transport *Transport
	users     atomic.Int64 // 1 until Close, and 1 for every Read and Write
	closed    atomic.Bool
	left      atomic.Bool // told the Transport; a Read after that fails and changes nothing
	phase     atomic.Int32
}

func (c *conn) Read(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.phase.CompareAndSwap(asked, heard)
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.users.Add(1)
	defer c.release()
	c.phase.CompareAndSwap(taken, asked)
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
