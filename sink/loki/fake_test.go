package loki

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// A push is one request that reached the fake.
type push struct {
	pushedStream
	others []pushedStream // further ones, which only a packed request has
	header http.Header
	path   string
	raw    int // bytes before compression
}

// A fakeLoki takes pushes on a loopback port and answers 204, or what answer says.
type fakeLoki struct {
	*httptest.Server
	t testing.TB

	// answer may answer in place of the fake, and then returns true. It is called with the number of the push, from 0.
	answer func(n int, p push, w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	packed bool   // requests may have several streams
	pushes []push // all of them
	stored []push // those answered 204
}

func newFake(t testing.TB) *fakeLoki {
	f := &fakeLoki{t: t}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

// answers has the fake give fixed answers: the first one to the first push and so on, and 204 to all after that.
func (f *fakeLoki) answers(as ...fixedAnswer) {
	f.answer = func(n int, _ push, w http.ResponseWriter, _ *http.Request) bool {
		if n >= len(as) {
			return false
		}
		as[n].give(w)
		return true
	}
}

type fixedAnswer struct {
	status int
	body   string
	header map[string]string
}

func (a fixedAnswer) give(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	if a.status != http.StatusNoContent && a.body != "" {
		// As http.Error writes it, which is what Loki uses.
		io.WriteString(w, a.body+"\n")
	}
}

func (f *fakeLoki) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	streams, raw, err := decodeBody(body)
	if err != nil || len(streams) == 0 || len(streams) > 1 && !f.packed {
		f.t.Errorf("fake: a push of %d streams, error %v", len(streams), err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p := push{streams[0], streams[1:], r.Header.Clone(), r.URL.Path, raw}
	f.mu.Lock()
	n := len(f.pushes)
	f.pushes = append(f.pushes, p)
	f.mu.Unlock()
	if f.answer != nil && f.answer(n, p, w, r) {
		return
	}
	f.store(p)
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeLoki) store(p push) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored = append(f.stored, p)
	for _, other := range p.others {
		f.stored = append(f.stored, push{pushedStream: other})
	}
}

// all returns the pushes so far.
func (f *fakeLoki) all() []push {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]push(nil), f.pushes...)
}

// lines returns the stored lines, in the order they came.
func (f *fakeLoki) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ls []string
	for _, p := range f.stored {
		for _, e := range p.entries {
			ls = append(ls, e.line)
		}
	}
	return ls
}

// entries returns what is stored as batch entries.
func (f *fakeLoki) entries() []batch.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	var es []batch.Entry
	for _, p := range f.stored {
		m, err := parseLabels(p.labels)
		if err != nil {
			f.t.Errorf("fake: labels %s: %v", p.labels, err)
		}
		l, err := batch.NewLabels(m)
		if err != nil {
			f.t.Errorf("fake: labels %s: %v", p.labels, err)
		}
		for _, e := range p.entries {
			es = append(es, batch.Entry{Time: e.time, Line: []byte(e.line), Labels: l, Attrs: e.metadata})
		}
	}
	return es
}

// newSink returns a Sink that pushes to url and is closed when the test ends.
func newSink(t testing.TB, url string, change ...func(*Config)) *Sink {
	t.Helper()
	cfg := Config{URL: url}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

var (
	shop  = batch.MustLabels("app", "shop")
	start = time.Now().Add(-time.Minute).Truncate(time.Second)
)

// newBatch makes a batch of lines, a second apart.
func newBatch(l batch.Labels, lines ...string) *batch.Batch {
	b := batch.New(nil, l)
	for i, line := range lines {
		b.Append(start.Add(time.Duration(i)*time.Second), []byte(line))
	}
	return b
}
