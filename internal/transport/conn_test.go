package transport

import (
	"context"
	"net"
	"net/http/httptrace"
	"runtime"
	"sync"
	"testing"
	"time"
)

// net/http says that a request is written when the last of it lies in a buffer.
// Unsent knows better, until it has gone out and if it never does.
func TestUnsent(t *testing.T) {
	for name, reads := range map[string]bool{"taken": true, "not taken": false} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe() // has no buffer
			tr := New(Config{Owner: "test", Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil }})
			var got net.Conn
			written := make(chan struct{})
			ctx, cancel := context.WithCancel(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn:      func(c httptrace.GotConnInfo) { got = c.Conn },
				WroteRequest: func(httptrace.WroteRequestInfo) { close(written) },
			}))
			defer cancel()
			var peer, caller sync.WaitGroup
			taken := make(chan struct{})
			peer.Go(func() {
				buf := make([]byte, 64<<10)
				if <-written; reads {
					there.Read(buf)
					close(taken)
				}
				<-ctx.Done()
				there.Close()
			})
			// Without a body: those of a request go past the buffer.
			caller.Go(func() { get(t, tr, ctx, "http://x") })
			<-written
			if reads {
				<-taken
			}
			// A Write ends a moment after the Read that takes the last of it, and begins one after the hook.
			for end := time.Now().Add(30 * time.Second); Unsent(got) == reads; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatalf("unsent is still %v", reads)
				}
			}
			cancel()
			caller.Wait()
			if Unsent(got) == reads {
				t.Errorf("at the end: %v", Unsent(got))
			}
			peer.Wait()
			if err := tr.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if Unsent(nil) {
		t.Error("nothing is unsent")
	}
}
