package loki

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newSink(t, "http://"+l.Addr().String())
	err = s.Write(t.Context(), newBatch(shop, "x"))
	if classOf(err) != retry || !strings.Contains(err.Error(), "connection refused") || s.Health() == nil {
		t.Error(err)
	}
}

// Answers up to the bound are drained, so that one connection serves for all.
func TestConnectionIsUsedAgain(t *testing.T) {
	f := newFake(t)
	var mu sync.Mutex
	from := map[string]bool{}
	f.answer = func(n int, _ push, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		from[r.RemoteAddr] = true
		mu.Unlock()
		fixedAnswer{[]int{500, 429, 503, 404}[n%4], strings.Repeat("x", 1000*n), nil}.give(w)
		return true
	}
	s := newSink(t, f.URL)
	for range 100 {
		if err := s.Write(t.Context(), newBatch(shop, "x")); err == nil {
			t.Fatal("no error")
		}
	}
	// A Write that comes at once may find that the connection is not yet back.
	if len(from) > 5 {
		t.Errorf("%d connections were used for 100 answers", len(from))
	}
}

// An idle connection that the other side has closed costs nothing but a new one.
func TestIdleConnectionIsClosedByServer(t *testing.T) {
	var conns atomic.Int64
	url := rawServer(t, func(n int, c net.Conn) {
		conns.Add(1)
		// Close without a word when the second request is already on its way.
		if readRequest(c) == nil {
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
			var one [1]byte
			c.Read(one[:])
		}
	})
	s := newSink(t, url)
	for i := range 5 {
		if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
			t.Errorf("Write %d: %v", i, err)
		}
	}
	if n := conns.Load(); n != 5 {
		t.Errorf("%d connections, want 5", n)
	}
}

// When the answer is lost, the same bytes are sent again.
func TestAnswerIsLost(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if n > 0 {
			return false
		}
		f.store(p)
		panic(http.ErrAbortHandler)
	}
	s := newSink(t, f.URL)
	b := newBatch(shop, "a", "b")
	if err := s.Write(t.Context(), b); classOf(err) != retry {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := f.all()
	if len(got) != 2 || got[0].labels != got[1].labels || !slices.EqualFunc(got[0].entries, got[1].entries, func(a, b pushedEntry) bool {
		return a.time.Equal(b.time) && a.line == b.line
	}) {
		t.Errorf("%v", got)
	}
}

// The answer may come before the request is through; its memory must not be used for the next one yet.
func TestEarlyAnswer(t *testing.T) {
	f := newFake(t)
	h := f.Config.Handler
	var n atomic.Int64
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 1 {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
	s := newSink(t, f.URL)
	var lines []string
	for i := range 200 {
		b := batch.New(nil, shop)
		line := strings.Repeat(string(rune('a'+i%26)), 5_000)
		for k := range 40 {
			b.Append(start.Add(time.Duration(k)), []byte(line+strings.Repeat("\x00\xff", k*i%91)))
		}
		err := s.Write(t.Context(), b)
		if err == nil {
			for k := range b.Entries {
				lines = append(lines, string(b.Entries[k].Line))
			}
		}
	}
	if !slices.Equal(f.lines(), lines) {
		t.Error("what is stored is not what was written")
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	f := newFake(t)
	f.answer = func(_ int, _ push, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/elsewhere" {
			elsewhere.Add(1)
			return false
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return true
	}
	err := newSink(t, f.URL, func(c *Config) { c.BearerToken = "hunter2" }).Write(t.Context(), newBatch(shop, "x"))
	if classOf(err) != retry || elsewhere.Load() != 0 {
		t.Errorf("%v, followed %d times", err, elsewhere.Load())
	}
}

// What is sent before the ctx ends stays delivered; the rest is worth a retry.
func TestCancelledBetweenRequests(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.answer = func(n int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			cancel()
			<-ctx.Done()
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	s := newSink(t, f.URL, func(c *Config) { c.MaxRequest = 1 })
	err := s.Write(ctx, newBatch(shop, "a", "b", "c", "d"))
	if got := failedIndices(t, err, 4); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("failed %v: %v", got, err)
	}
	p, _ := errors.AsType[*sink.PartialError](err)
	for _, fail := range p.Failures {
		if classOf(fail.Err) != retry {
			t.Errorf("entry %d: %v", fail.Index, fail.Err)
		}
	}
}
