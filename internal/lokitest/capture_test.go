package lokitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"

	protopush "github.com/grafana/loki/pkg/push"
)

// A capture takes every push, as Loki does if all is well, and keeps the last one.
type capture struct {
	*httptest.Server

	mu   sync.Mutex
	last []byte // decompressed
}

func newCapture(t testing.TB) *capture {
	c := &capture{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *capture) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	msg, err := s2.Decode(nil, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.last = msg
	c.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// take returns the last push and forgets it; nil: there was none.
func (c *capture) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	msg := c.last
	c.last = nil
	return msg
}

// takeRequest is take, decoded by Loki's own types.
func (c *capture) takeRequest(t testing.TB) *protopush.PushRequest {
	t.Helper()
	msg := c.take()
	if msg == nil {
		return nil
	}
	r := &protopush.PushRequest{}
	if err := r.Unmarshal(msg); err != nil {
		t.Fatal(err)
	}
	return r
}
