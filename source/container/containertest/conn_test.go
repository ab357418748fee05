package containertest

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What is written arrives, through a buffer that is smaller.
func TestConnCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newConns(7)
		text := strings.Repeat("0123456789", 100)
		go func() {
			io.WriteString(a, text)
			a.Close()
		}()
		got, err := io.ReadAll(b)
		if string(got) != text || err != nil {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		b.Close()
	})
}

func TestConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newConns(4)
		defer b.Close()
		start := time.Now()
		a.SetDeadline(start.Add(time.Minute))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("reading ended with %v after %v", err, time.Since(start))
		}
		synctest.Wait() // for the other deadline of the same instant
		if n, err := a.Write([]byte("12345")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing after the deadline: %d, %v", n, err)
		}
		a.SetWriteDeadline(time.Now().Add(time.Hour))
		if n, err := a.Write([]byte("12345")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 61*time.Minute {
			t.Errorf("writing too much: %d, %v after %v", n, err, time.Since(start))
		}
		b.SetReadDeadline(time.Now().Add(-1))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading what is there after the deadline: %v", err)
		}
		b.SetReadDeadline(time.Time{})
		if n, err := b.Read(make([]byte, 9)); n != 4 || err != nil {
			t.Errorf("reading without: %d, %v", n, err)
		}
		// A deadline that was put off does not pass, nor does one of a closed end.
		a.SetReadDeadline(time.Now().Add(time.Minute))
		a.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(2*time.Minute, func() { b.Write([]byte("x")) })
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("reading before the deadline: %d, %v", n, err)
		}
		a.Close()
		a.SetDeadline(time.Now().Add(time.Minute))
		time.Sleep(2 * time.Minute)
	})
}

func TestConnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newConns(4)
		io.WriteString(a, "1234")
		blocked := make(chan error)
		go func() { _, err := a.Write([]byte("5")); blocked <- err }()
		go func() { _, err := a.Read(make([]byte, 1)); blocked <- err }()
		synctest.Wait()
		a.Close()
		for range 2 {
			if err := <-blocked; !errors.Is(err, net.ErrClosed) {
				t.Errorf("what waited at the closed end ended with %v", err)
			}
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing again: %v", err)
		}
		got, err := io.ReadAll(b)
		if string(got) != "1234" || err != nil {
			t.Errorf("the other end reads %q, %v", got, err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the other end writes: %v", err)
		}
		b.Close()
	})
}

// However far the reader was behind, an end that waits for more keeps little.
func TestConnIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newConns(1 << 20)
		defer a.Close()
		defer b.Close()
		a.Write(make([]byte, 1<<20))
		go io.Copy(io.Discard, b)
		synctest.Wait()
		if n := cap(b.in.buf); n > idle {
			t.Errorf("%d bytes are kept for what is written next", n)
		}
	})
}
