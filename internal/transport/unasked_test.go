package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
)

const twoAnswers = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"

// Nobody is given the answer to somebody else's request. To make sure of the order, which chance decides otherwise,
// net/http is held up when the connection has become idle, and before it looks at what it has read too much, until the
// server has the next request.
func TestAnswerToAnotherRequest(t *testing.T) {
	idle, next := make(chan struct{}), make(chan struct{})
	addr := rawServer(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, twoAnswers)
		_, _ = http.ReadRequest(in)
		close(next)
		_, _ = http.ReadRequest(in)
	})
	var wg sync.WaitGroup
	tr := New(Config{Owner: "test"})
	wg.Go(func() {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{PutIdleConn: func(error) {
			close(idle)
			<-next
		}})
		resp, err := get(t, tr, ctx, "http://"+addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "1" {
			t.Errorf("the first answer: %q, %v", body, err)
		}
	})
	<-idle
	resp, err := get(t, tr, t.Context(), "http://"+addr)
	if !errors.Is(err, ErrUnasked) {
		t.Errorf("the second answer: %v, %v", resp, err)
	}
	if err == nil {
		resp.Body.Close()
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// An answer that comes before its request is through, or one that comes byte by byte, is the request's own.
func TestEarlyAnswerIsAsked(t *testing.T) {
	addr := rawServer(t, func(c net.Conn) {
		_, _ = io.CopyN(io.Discard, c, 10)
		for _, b := range []byte("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") {
			_, _ = c.Write([]byte{b})
		}
		_, _ = io.Copy(io.Discard, c)
	})
	tr := New(Config{Owner: "test"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr, strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Success is not believed of a server that has not seen the request to its end.
func TestSuccessBeforeTheEnd(t *testing.T) {
	for _, test := range []struct {
		answer string
		want   error
	}{
		{"HTTP/1.1 204 No Content\r\n\r\n", ErrUnasked},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ErrUnasked},
		{"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", nil},
	} {
		var wg sync.WaitGroup
		judged := make(chan struct{})
		// In memory, nothing is sent that is not read.
		tr := New(Config{Owner: "test", Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			wg.Go(func() {
				defer there.Close()
				in := bufio.NewReader(there)
				if _, err := http.ReadRequest(in); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(there, test.answer)
				<-judged
			})
			return here, nil
		}})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody = nil
		resp, err := tr.RoundTrip(req)
		close(judged)
		if !errors.Is(err, test.want) {
			t.Errorf("%q: %v", test.answer, err)
		}
		if err == nil {
			resp.Body.Close()
		}
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
