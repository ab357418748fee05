package loki

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func TestWriteDelivers(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) {
		c.TenantID = "blue"
		c.BearerToken = "hunter2hunter2"
		c.Headers = http.Header{"x-env": {"test"}}
		c.ExternalLabels = batch.MustLabels("host", "h1", "app", "loses")
	})
	b := batch.New(nil, shop)
	at := time.Unix(1_700_000_000, 123_456_789)
	b.Append(at, []byte("one"), batch.Attr{Key: "trace.id", Value: "x"})
	b.Append(at.Add(1), nil)
	b.Append(at.Add(2), []byte("\xff\xfe"))
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	pushes := f.all()
	if len(pushes) != 1 {
		t.Fatalf("%d requests, want 1", len(pushes))
	}
	p := pushes[0]
	if p.path != "/loki/api/v1/push" || p.labels != `{app="shop", host="h1"}` {
		t.Errorf("path %s, labels %s", p.path, p.labels)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/x-protobuf", "X-Scope-OrgID": "blue", "Authorization": "Bearer hunter2hunter2",
		"User-Agent": "logferry", "X-Env": "test", "Accept-Encoding": "",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	want := []pushedEntry{
		{at.UTC(), "one", []batch.Attr{{Key: "trace_id", Value: "x"}}}, {at.Add(1).UTC(), "", nil}, {at.Add(2).UTC(), "\xff\xfe", nil},
	}
	if !slices.EqualFunc(p.entries, want, func(a, b pushedEntry) bool {
		return a.time.Equal(b.time) && a.line == b.line && slices.Equal(a.metadata, b.metadata)
	}) {
		t.Errorf("got %v", p.entries)
	}
	if st := s.Stats(); st.Requests != 1 || st.Statuses[204] != 1 || st.RawBytes != int64(p.raw) || st.WireBytes == 0 {
		t.Errorf("%+v", st)
	}
	if s.Health() != nil || !s.PerStream() {
		t.Error("not well, or not per stream")
	}
}

func TestBasicAuth(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL+"/", func(c *Config) { c.BasicAuth = BasicAuth{Username: "u", Password: "p"} })
	if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
		t.Fatal(err)
	}
	if got := f.all()[0].header.Get("Authorization"); got != "Basic dTpw" {
		t.Error(got)
	}
}

// A mixed batch becomes one request per stream, in order within each, and failures keep their places.
func TestWriteMixed(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL)
	other := batch.MustLabels("app", "other")
	b := newBatch(shop, "s0", "o1", "s2", "bad3", "o4", strings.Repeat("x", 300_000))
	for _, i := range []int{1, 4} {
		b.Entries[i].Labels = other
	}
	b.Entries[3].Labels = batch.MustLabels("l", strings.Repeat("v", maxLabelValue+1))
	err := s.Write(t.Context(), b)
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok || len(p.Failures) != 2 || p.Failures[0].Index != 3 || p.Failures[1].Index != 5 {
		t.Fatalf("got %v", err)
	}
	for _, fail := range p.Failures {
		if !sink.IsPermanent(fail.Err) {
			t.Errorf("%v is not permanent", fail.Err)
		}
	}
	if got := f.lines(); !slices.Equal(got, []string{"s0", "s2", "o1", "o4"}) {
		t.Errorf("stored %q", got)
	}
}

// What the answer to one stream says about the way to Loki ends the whole Write; what it says about the stream does not.
func TestWriteMixedGoesOn(t *testing.T) {
	two := func() *batch.Batch {
		b := newBatch(shop, "s0", "o1", "s2")
		b.Entries[1].Labels = batch.MustLabels("app", "other")
		return b
	}
	for name, c := range map[string]struct {
		first  fixedAnswer
		failed []int
	}{
		"stream limit": {fixedAnswer{429, "maximum active stream limit exceeded when trying to create stream {}", nil}, []int{0, 2}},
		"stream rate":  {fixedAnswer{429, "entry with timestamp 2026-01-02 03:04:05 +0000 UTC ignored, reason: 'Per stream rate limit exceeded (limit: 3MB/sec)', ", nil}, []int{0, 2}},
		"tenant rate":  {fixedAnswer{429, tenantRate(100, 1000), nil}, []int{0, 1, 2}},
		"starting":     {fixedAnswer{500, "empty ring", nil}, []int{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answers(c.first)
			err := newSink(t, f.URL).Write(t.Context(), two())
			if got := failedIndices(t, err, 3); !slices.Equal(got, c.failed) {
				t.Errorf("failed %v, want %v: %v", got, c.failed, err)
			}
		})
	}
}

// failedIndices returns which of n entries err says were not delivered.
func failedIndices(t testing.TB, err error, n int) []int {
	t.Helper()
	var idx []int
	p, ok := errors.AsType[*sink.PartialError](err)
	if ok {
		for _, f := range p.Failures {
			idx = append(idx, f.Index)
		}
	} else if err != nil {
		for i := range n {
			idx = append(idx, i)
		}
	}
	if !slices.IsSorted(idx) {
		t.Errorf("failures are not in order: %v", idx)
	}
	return idx
}

func TestWriteSplits(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL, func(c *Config) { c.MaxRequest = 1000 })
	var lines []string
	for i := range 40 {
		lines = append(lines, strings.Repeat(string(rune('a'+i%26)), 90+i))
	}
	lines[20] = strings.Repeat("z", 5000) // goes alone
	if err := s.Write(t.Context(), newBatch(shop, lines...)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.lines(), lines) {
		t.Error("lines are missing or out of order")
	}
	for i, p := range f.all() {
		if p.raw > 1000 && len(p.entries) > 1 {
			t.Errorf("request %d: %d bytes", i, p.raw)
		}
		if i > 0 && p.raw < 700 && len(p.entries) < 5 && len(f.all()[i-1].entries) > 1 && i < len(f.all())-1 && len(f.all()[i+1].entries) > 1 {
			t.Errorf("request %d: only %d bytes", i, p.raw)
		}
	}
}

func TestWriteAfterClose(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), newBatch(shop, "x")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
