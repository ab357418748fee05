package containertest

import (
	"net"
	"os"
	"syscall"
	"time"
)

// A conn is one end of a connection within this process, with the manners of a
// unix socket: it buffers, it has deadlines, and closing either end wakes both.
type conn struct{ in, out *pipe }

// newConns returns the two ends of a connection which holds up to size bytes in
// each direction.
func newConns(size int) (client, server *conn) {
	a, b := newPipe(size), newPipe(size)
	return &conn{a, b}, &conn{b, a}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

func (c *conn) Close() error {
	c.out.shutDown()
	if !c.in.goAway() {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.in.limit(&c.in.readBy, t)
	c.out.limit(&c.out.writeBy, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.limit(&c.in.readBy, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.limit(&c.out.writeBy, t)
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return addr{} }
func (c *conn) RemoteAddr() net.Addr { return addr{} }

// wrap gives an error the form in which package net returns it. An end of the
// stream and a deadline stay what they are.
func (c *conn) wrap(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	} else if err != net.ErrClosed {
		return err
	}
	return &net.OpError{Op: op, Net: addr{}.Network(), Addr: addr{}, Err: err}
}

// An addr is that of either end of every connection. Nothing listens there.
type addr struct{}

func (addr) Network() string { return "unix" }
func (addr) String() string  { return "@containertest" }
