package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A server that switches protocols although nobody asked it to has no answer read, and no connection kept.
func TestSwitchedUnasked(t *testing.T) {
	addr := rawServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		// Until the client closes: there is nothing for it to read.
		_, _ = io.Copy(io.Discard, in)
	})
	tr := New(Config{Owner: "test"})
	resp, err := get(t, tr, t.Context(), "http://"+addr)
	if !errors.Is(err, errSwitched) {
		t.Errorf("%v, %v", resp, err)
		if resp != nil {
			resp.Body.Close()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
}
