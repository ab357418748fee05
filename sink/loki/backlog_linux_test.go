package loki

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// full returns the address of a listener that takes nothing any more: its queue is full, so that the kernel leaves
// whoever else wants to connect without an answer.
func full(t *testing.T) (addr string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr = "127.0.0.1:" + strconv.Itoa(name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the kernel takes connections beyond the queue")
	return ""
}

// A server that never accepts is left when the time is up, and so is the attempt to connect to it.
func TestNeverAccepts(t *testing.T) {
	addr := full(t)
	s := newSink(t, "http://"+addr, func(c *Config) { c.Timeout = 200 * time.Millisecond })
	began := time.Now()
	err := s.Write(t.Context(), newBatch(shop, "x"))
	if took := time.Since(began); classOf(err) != retry || !isTimeout(err) || took < 150*time.Millisecond || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	closeInTime(t, s)
}
