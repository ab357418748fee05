package loki

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/batch"
)

// overHTTP2 speaks it, to anybody.
var overHTTP2 = Config{HTTP2: true, TLSConfig: TLSConfig{InsecureSkipVerify: true}}

func withHTTP2(c *Config) { c.HTTP2, c.TLSConfig = overHTTP2.HTTP2, overHTTP2.TLSConfig }

// newHTTP2Fake returns a fake that must be spoken to in HTTP/2.
func newHTTP2Fake(t testing.TB) *fakeLoki {
	server, _ := certificate(t)
	f := newSecureFake(t, server)
	h := f.Config.Handler
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("a request in %s", r.Proto)
		}
		h.ServeHTTP(w, r)
	})
	return f
}

// Requests share a connection, and are all delivered although it breaks again and again.
func TestHTTP2ConnectionBreaks(t *testing.T) {
	f := newHTTP2Fake(t)
	s := newSink(t, f.URL, withHTTP2)
	const writers, lines = 24, 30
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range lines {
				b := newBatch(batch.MustLabels("writer", fmt.Sprint(w)), fmt.Sprintf("%d/%d", w, i), strings.Repeat("x", 1000*i))
				for s.Write(t.Context(), b) != nil {
					if t.Context().Err() != nil {
						return
					}
				}
				if w == 0 && i%5 == 4 {
					f.CloseClientConnections()
				}
			}
		})
	}
	wg.Wait()
	stored := f.lines()
	slices.Sort(stored)
	for w := range writers {
		for i := range lines {
			if _, ok := slices.BinarySearch(stored, fmt.Sprintf("%d/%d", w, i)); !ok {
				t.Errorf("line %d of writer %d is missing", i, w)
			}
		}
	}
	// Those who wait when a connection breaks may each have begun to dial another.
	if n := s.transport.Open(); n > writers/2 {
		t.Errorf("%d connections for %d writers", n, writers)
	}
}

// A request whose stream breaks goes out once more, not once for each connection there might have been in HTTP/1.1.
func TestHTTP2StreamBreaks(t *testing.T) {
	f := newHTTP2Fake(t)
	f.answer = func(n int, _ push, _ http.ResponseWriter, _ *http.Request) bool {
		if n > 0 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s := newSink(t, f.URL, withHTTP2)
	if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), newBatch(shop, "y")); classOf(err) != retry {
		t.Error(err)
	}
	if n := len(f.all()); n != 3 {
		t.Errorf("%d requests in two Writes, want 3", n)
	}
}

// The memory of a request is not used for another one before HTTP/2 has done with it.
func TestHTTP2EarlyAnswer(t *testing.T) {
	f := newHTTP2Fake(t)
	h := f.Config.Handler
	var mu sync.Mutex
	n := 0
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		refuse := n%2 == 1
		mu.Unlock()
		if refuse {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
	s := newSink(t, f.URL, withHTTP2)
	var mine []string
	for i := range 60 {
		b := noise(1, shop, 1, 200_000+i)
		if s.Write(t.Context(), b) == nil {
			mine = append(mine, string(b.Entries[0].Line))
		}
	}
	if stored := f.lines(); len(mine) == 0 || !slices.Equal(stored, mine) {
		t.Errorf("%d lines are stored, %d were delivered, or they differ", len(stored), len(mine))
	}
}

// A 204 that comes before the request is there is not believed in HTTP/2 either.
func TestHTTP2StoredTooEarly(t *testing.T) {
	f := newHTTP2Fake(t)
	h := f.Config.Handler
	var honest atomic.Bool
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if honest.Load() {
			h.ServeHTTP(w, r)
			return
		}
		// The server lets a third of it come until somebody reads.
		w.WriteHeader(http.StatusNoContent)
	})
	s := newSink(t, f.URL, withHTTP2, func(c *Config) { c.MaxRequest, c.MaxLine = maxMaxRequest, maxMaxLine })
	b := noise(1, shop, 1, 3_000_000)
	if err := s.Write(t.Context(), b); classOf(err) != retry {
		t.Errorf("%s: %v", classOf(err), err)
	}
	honest.Store(true)
	if err := s.Write(t.Context(), b); err != nil || len(f.lines()) != 1 {
		t.Errorf("%d lines are stored: %v", len(f.lines()), err)
	}
}
