package transport

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
	"testing"
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
				if reads {
					<-written
					buf := make([]byte, 64<<10)
					there.Read(buf)
					close(taken)
				}
				<-ctx.Done()
				there.Close()
			})
			caller.Go(func() { post(t, tr, ctx, "http://x", "x") })
			<-written
			if reads {
				// The Write ends a moment after the Read that has taken the last of it.
				<-taken
				for Unsent(got) {
					select {
					case <-t.Context().Done():
						t.Fatal("still unsent")
					default:
					}
				}
			} else {
				for !Unsent(got) { // until the buffer is flushed
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
