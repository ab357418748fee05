package lokiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/loki-client-go/pkg/urlutil"
	"github.com/prometheus/common/model"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

var shop = batch.MustLabels("app", "shop")

// numbers returns n lines of three bytes.
func numbers(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("%03d", i))
	}
	return lines
}

// failures returns those of a PartialError, in order.
func failures(t *testing.T, err error) []sink.Failure {
	t.Helper()
	p, ok := errors.AsType[*sink.PartialError](err)
	if !ok {
		t.Fatalf("got %v, want a PartialError", err)
	}
	slices.SortFunc(p.Failures, func(a, b sink.Failure) int { return a.Index - b.Index })
	return p.Failures
}

// linesOf returns the lines of a request.
func linesOf(r received) (lines []string) {
	for _, s := range r.streams {
		for _, e := range s.Entries {
			lines = append(lines, e.Line)
		}
	}
	return lines
}

// TestOutcomeOfEachRequest: whatever the requests of a Write are, what is not reported is held, and what is, is not.
func TestOutcomeOfEachRequest(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int, _ received, w http.ResponseWriter, _ *http.Request) bool {
		if n%3 == 0 {
			return false
		}
		http.Error(w, fmt.Sprintf("request %d is refused", n), http.StatusBadRequest)
		return true
	}
	cfg := f.config(t)
	cfg.Client.BatchSize = 30
	s := startSink(t, cfg)
	lines := numbers(300)
	b := batchOf(shop, lines...)
	defer b.Settle(nil)
	failed := map[string]bool{}
	for _, fail := range failures(t, s.Write(t.Context(), b)) {
		if !sink.IsPermanent(fail.Err) || !strings.Contains(fail.Err.Error(), "is refused") {
			t.Fatalf("entry %d: %v", fail.Index, fail.Err)
		}
		failed[lines[fail.Index]] = true
	}
	held := f.entries()
	if len(held)+len(failed) != len(lines) || len(held) == 0 || len(failed) == 0 {
		t.Errorf("%d lines are held and %d failed, of %d", len(held), len(failed), len(lines))
	}
	for _, e := range held {
		if failed[string(e.Line)] {
			t.Errorf("line %s is held, and said to have failed", e.Line)
		}
	}
}

// TestStopsAtTrouble: nothing is handed over after a request that is worth a retry, so that an outage costs a Write no more
// than a few requests.
func TestStopsAtTrouble(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int, _ received, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			return false
		}
		http.Error(w, "empty ring", http.StatusInternalServerError)
		return true
	}
	cfg := f.config(t)
	cfg.Client.BatchSize = 30
	s := startSink(t, cfg)
	b := batchOf(shop, numbers(1000)...)
	defer b.Settle(nil)
	fails := failures(t, s.Write(t.Context(), b))
	if held := len(f.entries()); held+len(fails) != 1000 || held == 0 {
		t.Errorf("%d are held and %d failed", held, len(fails))
	}
	for _, fail := range fails {
		if sink.IsPermanent(fail.Err) || !strings.Contains(fail.Err.Error(), "empty ring") {
			t.Fatalf("entry %d: %v", fail.Index, fail.Err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count > 4 {
		t.Errorf("%d requests were sent to a server in trouble", f.count)
	}
}

func TestClasses(t *testing.T) {
	for _, test := range []struct {
		status          int
		permanent, wait bool
	}{
		{400, true, false}, {401, false, false}, {403, false, false}, {404, false, false}, {413, true, false},
		{422, true, false}, {429, false, true}, {500, false, false}, {503, false, false}, {302, false, false},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			f := newFake(t)
			f.answer = statusOf(test.status)
			s := startSink(t, f.config(t))
			b := batchOf(shop, "a", "b")
			defer b.Settle(nil)
			fails := failures(t, s.Write(t.Context(), b))
			if len(fails) != 2 {
				t.Fatalf("got %v", fails)
			}
			for _, fail := range fails {
				_, wait := sink.After(fail.Err)
				if p := sink.IsPermanent(fail.Err); p != test.permanent || wait != test.wait {
					t.Errorf("permanent %v, wait %v: %v", p, wait, fail.Err)
				}
			}
		})
	}
}

// TestNobodyThere: an outage is worth a retry.
func TestNobodyThere(t *testing.T) {
	f := newFake(t)
	s := startSink(t, f.config(t))
	f.Close()
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if fails := failures(t, s.Write(t.Context(), b)); len(fails) != 1 || sink.IsPermanent(fails[0].Err) {
		t.Errorf("got %v", fails)
	}
}

// TestTwoSinksOfOneHost: what one counts is none of the other's, though the client has one set of counters for a host.
func TestTwoSinksOfOneHost(t *testing.T) {
	f := newFake(t)
	f.refuse("bad", http.StatusBadRequest)
	var wg sync.WaitGroup
	for _, tenant := range []string{"good", "bad"} {
		cfg := f.config(t)
		cfg.Client.TenantID = tenant
		s := startSink(t, cfg)
		wg.Go(func() {
			for range 5 {
				b := batchOf(shop, numbers(100)...)
				err := s.Write(t.Context(), b)
				b.Settle(nil)
				if tenant == "good" && err != nil {
					t.Errorf("good: %v", err)
				} else if p, ok := errors.AsType[*sink.PartialError](err); tenant == "bad" && (!ok || len(p.Failures) != 100) {
					t.Errorf("bad: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(f.entries()); n != 500 {
		t.Errorf("%d lines are held", n)
	}
}

// TestTenants: lines of several tenants, in turns, one of whom is refused.
func TestTenants(t *testing.T) {
	f := newFake(t)
	f.refuse("b", http.StatusUnprocessableEntity)
	cfg := f.config(t)
	cfg.Client.TenantID = "default"
	cfg.Client.ExternalLabels.LabelSet = model.LabelSet{"host": "web-1", "app": "hidden by the stream's own"}
	s := startSink(t, cfg)
	b := batchOf(batch.Labels{}, numbers(9)...)
	defer b.Settle(nil)
	for i := range b.Entries {
		b.Entries[i].Labels = shop
		if tenant := []string{"a", "b", ""}[i%3]; tenant != "" {
			b.Entries[i].Labels, _ = shop.With("__tenant_id__", tenant)
		}
	}
	var indices []int
	for _, fail := range failures(t, s.Write(t.Context(), b)) {
		indices = append(indices, fail.Index)
	}
	if want := []int{1, 4, 7}; !slices.Equal(indices, want) {
		t.Errorf("%v failed, want %v", indices, want)
	}
	got := map[string]string{}
	for _, r := range f.held() {
		got[r.tenant] += strings.Join(linesOf(r), " ")
		for _, st := range r.streams {
			if st.Labels != `{app="shop", host="web-1"}` {
				t.Errorf("labels %s", st.Labels)
			}
		}
	}
	if got["a"] != "000003006" && got["a"] != "000 003 006" || len(got) != 2 || !strings.HasPrefix(got["default"], "002") {
		t.Errorf("held: %v", got)
	}
}

// TestRefusesBeforeSending: what Loki would throw away under a 204, or the client cannot encode, takes no neighbour along.
func TestRefusesBeforeSending(t *testing.T) {
	f := newFake(t)
	s := startSink(t, f.config(t))
	b := batchOf(batch.Labels{}, "without labels", "good", "out of time", "a tenant is no label")
	defer b.Settle(nil)
	b.Entries[1].Labels, b.Entries[2].Labels = shop, shop
	b.Entries[2].Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	b.Entries[3].Labels = batch.MustLabels("__tenant_id__", "a")
	fails := failures(t, s.Write(t.Context(), b))
	if len(fails) != 3 || fails[0].Err != errNoLabels || fails[1].Err != errNoTime || fails[2].Err != errNoLabels {
		t.Errorf("got %v", fails)
	}
	if held := f.entries(); len(held) != 1 || string(held[0].Line) != "good" {
		t.Errorf("held: %v", held)
	}
}

// TestEncodingFails: a client that has lost lines without counting them is replaced, and all lines are sent again.
func TestEncodingFails(t *testing.T) {
	f := newFake(t)
	s := startSink(t, f.config(t))
	bad := &parcel{ctx: t.Context(), done: make(chan error, 1)}
	for i := range 3 {
		bad.lines = append(bad.lines, line{index: i, labels: model.LabelSet{"app": "shop"}, time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	}
	s.parcels <- bad
	fails := failures(t, <-bad.done)
	if len(fails) != 3 || sink.IsPermanent(fails[0].Err) || !strings.Contains(fails[0].Err.Error(), "could not be encoded") {
		t.Errorf("got %v", fails)
	}
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("Write to the next client: %v", err)
	}
}

// TestPanic: a Write is answered whatever happens to the task, which is restarted.
func TestPanic(t *testing.T) {
	f := newFake(t)
	s := startSink(t, f.config(t))
	p := &parcel{ctx: nil, lines: make([]line, 1), done: make(chan error, 1)} // it panics without a ctx
	s.parcels <- p
	if err := <-p.done; !errors.Is(err, errUnknown) {
		t.Errorf("got %v", err)
	}
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("Write to the next client: %v", err)
	}
}

// TestCloseIsBounded: Close keeps to its context while a request hangs, and the task ends when the client's Timeout ends it.
func TestCloseIsBounded(t *testing.T) {
	f := newFake(t)
	hangs := make(chan struct{})
	f.answer = func(_ int, _ received, _ http.ResponseWriter, r *http.Request) bool {
		hangs <- struct{}{}
		<-r.Context().Done()
		return true
	}
	cfg := f.config(t)
	cfg.Client.Timeout = time.Second
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{Name: "test"})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan error)
	go func() { wrote <- s.Write(ctx, b) }()
	<-hangs
	cancel()
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if err := s.Write(t.Context(), b); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := errors.Join(s.Close(ctx), sup.Close(ctx)); err != nil {
		t.Errorf("the task did not end: %v", err)
	}
}

// TestStartFails: a file that is not there is looked for again, and Close does not wait for that.
func TestStartFails(t *testing.T) {
	f := newFake(t)
	cfg := f.config(t)
	cfg.Client.Client.TLSConfig.CAFile = "/does/not/exist"
	s := startSink(t, cfg)
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write: %v", err)
	}
}

func TestMisuse(t *testing.T) {
	s, err := New(newFake(t).config(t))
	if err != nil {
		t.Fatal(err)
	}
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if err := s.Write(t.Context(), b); !errors.Is(err, errNotStarted) {
		t.Errorf("Write before Start: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close before Start: %v", err)
	}
	if err := s.Start(t.Context(), lifecycle.New(lifecycle.Config{})); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Client.URL = urlutil.URLValue{} }, "URL is missing"},
		{func(c *Config) { c.Client.URL.URL = &url.URL{Scheme: "ftp", Host: "x"} }, "no address"},
		{func(c *Config) { c.Client.Timeout = -1 }, "Timeout"},
		{func(c *Config) { c.Client.BatchSize = -1 }, "BatchSize"},
		{func(c *Config) { c.Client.Client.BearerToken, c.Client.Client.BearerTokenFile = "a", "b" }, "bearer_token"},
	} {
		cfg := newFake(t).config(t)
		test.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}
