package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/promql/parser"
)

// A request is one that reached a recorder.
type request struct {
	method, path string
	header       http.Header
	message      []byte // not compressed
	wire         int    // bytes, compressed
	push         push.PushRequest
}

// A recorder takes pushes and takes them apart with the types that loki-client-go puts them together with.
type recorder struct {
	*httptest.Server
	tb     testing.TB
	status int // of every answer
	body   string

	mu       sync.Mutex
	requests []request
}

// newRecorder returns a recorder that answers 204.
func newRecorder(tb testing.TB) *recorder {
	r := &recorder{tb: tb, status: http.StatusNoContent}
	r.Server = httptest.NewServer(r)
	// This also ends the connections of loki-client-go, which never does.
	tb.Cleanup(r.Close)
	return r
}

// endpoint is the address to push to.
func (r *recorder) endpoint() string { return r.URL + "/loki/api/v1/push" }

func (r *recorder) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	req := request{method: hr.Method, path: hr.URL.Path, header: hr.Header.Clone()}
	if err := req.read(hr.Body); err != nil {
		r.tb.Errorf("recorder: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.requests = append(r.requests, req)
	r.mu.Unlock()
	w.WriteHeader(r.status)
	if r.body != "" {
		_, _ = io.WriteString(w, r.body) // a client that does not read it is none of ours
	}
}

func (r *request) read(body io.Reader) error {
	wire, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	r.wire = len(wire)
	switch r.header.Get("Content-Type") {
	case "application/x-protobuf":
		if r.message, err = snappy.Decode(nil, wire); err != nil {
			return err
		}
		return r.push.Unmarshal(r.message)
	case "application/json":
		if r.message, err = unzipped(wire, r.header.Get("Content-Encoding")); err != nil {
			return err
		}
		r.push.Streams, err = readJSON(r.message)
		return err
	}
	return errors.New("no Content-Type that Loki knows")
}

// take returns the requests so far and forgets them.
func (r *recorder) take() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	reqs := r.requests
	r.requests = nil
	return reqs
}

// A streamID tells a stream from others: its labels are sorted and written anew.
type streamID struct{ tenant, labels string }

// streamsOf puts the entries of requests together by stream, in the order they came.
func streamsOf(tb testing.TB, reqs []request) map[streamID][]push.Entry {
	tb.Helper()
	all := map[streamID][]push.Entry{}
	for _, r := range reqs {
		for _, s := range r.push.Streams {
			l, err := parser.ParseMetric(s.Labels)
			if err != nil {
				tb.Errorf("labels %s: %v", s.Labels, err)
			}
			id := streamID{r.header.Get("X-Scope-OrgID"), l.String()}
			all[id] = append(all[id], s.Entries...)
		}
	}
	return all
}
