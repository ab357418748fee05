package lokiclient

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	client "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/urlutil"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// A received request is one that a fake was sent.
type received struct {
	tenant  string
	streams []push.Stream
}

// A fake is a Loki that holds what it was pushed.
type fake struct {
	*httptest.Server
	// answer, if not nil, answers the n-th request, from 0 on; it returns false if it has not, and what was pushed is held.
	answer func(n int, r received, w http.ResponseWriter, req *http.Request) bool

	mu       sync.Mutex
	count    int
	requests []received // those held
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client went away
	}
	raw, err := snappy.Decode(nil, body)
	var p push.PushRequest
	if err == nil {
		err = p.Unmarshal(raw)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r := received{req.Header.Get("X-Scope-OrgID"), p.Streams}
	f.mu.Lock()
	n := f.count
	f.count++
	f.mu.Unlock()
	if f.answer != nil && f.answer(n, r, w, req) {
		return
	}
	f.mu.Lock()
	f.requests = append(f.requests, r)
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// held returns the requests that were held.
func (f *fake) held() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]received(nil), f.requests...)
}

// entries returns the entries held.
func (f *fake) entries() (all []batch.Entry) {
	for _, r := range f.held() {
		for _, s := range r.streams {
			labels := parsed(s.Labels)
			for _, e := range s.Entries {
				one := batch.Entry{Time: e.Timestamp, Line: []byte(e.Line), Labels: labels}
				for _, a := range e.StructuredMetadata {
					one.Attrs = append(one.Attrs, batch.Attr{Key: a.Name, Value: a.Value})
				}
				all = append(all, one)
			}
		}
	}
	return all
}

func parsed(text string) batch.Labels {
	set, err := parser.ParseMetric(text)
	if err != nil {
		return batch.Labels{}
	}
	l, _ := batch.NewLabels(set.Map())
	return l
}

// config is what a service has for the client.
func (f *fake) config(t testing.TB) Config {
	t.Helper()
	u, err := url.Parse(f.URL + "/loki/api/v1/push")
	if err != nil {
		t.Fatal(err)
	}
	return Config{Client: client.Config{URL: urlutil.URLValue{URL: u}}}
}

// startSink returns a started Sink, which is closed with the test.
func startSink(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{Name: "test"})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := sup.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// batchOf returns a batch of lines, a nanosecond apart.
func batchOf(labels batch.Labels, lines ...string) *batch.Batch {
	b := batch.New(nil, labels)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, l := range lines {
		b.Append(at.Add(time.Duration(i)), []byte(l))
	}
	return b
}

func statusOf(status int) func(int, received, http.ResponseWriter, *http.Request) bool {
	return func(_ int, _ received, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

// refuse has f answer what comes from one tenant with status.
func (f *fake) refuse(tenant string, status int) {
	f.answer = func(_ int, r received, w http.ResponseWriter, _ *http.Request) bool {
		if r.tenant != tenant {
			return false
		}
		http.Error(w, "no", status)
		return true
	}
}
