package lokiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// The tests here hold what is wrong with the client, as the package documentation states it. One that fails is good news:
// the documentation then has a limit too many.

// TestCountsBlockedAsSent: Loki says with 260 that it has stored nothing.
func TestCountsBlockedAsSent(t *testing.T) {
	f := newFake(t)
	f.answer = statusOf(260)
	s := startSink(t, f.config(t))
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("the client no longer takes 260 for sent: %v", err)
	}
}

// TestHangsOnSwitch: an answer 101, which nobody has asked for, holds the client until the server ends the connection.
func TestHangsOnSwitch(t *testing.T) {
	f := newFake(t)
	over := make(chan struct{})
	f.answer = func(_ int, _ received, w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"); err != nil {
			t.Error(err)
		}
		<-over
		return true
	}
	cfg := f.config(t)
	cfg.Client.Timeout = 100 * time.Millisecond
	s := startSink(t, cfg)
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*cfg.Client.Timeout)
	defer cancel()
	if err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client no longer waits beyond its Timeout: %v", err)
	}
	close(over)
}

// TestPutsStreamsTogether: Loki's answer to a request of several streams hides losses.
func TestPutsStreamsTogether(t *testing.T) {
	f := newFake(t)
	s := startSink(t, f.config(t))
	for try := 0; ; try++ {
		b := batchOf(shop, "a", "b")
		b.Entries[1].Labels = batch.MustLabels("app", "other")
		err := s.Write(t.Context(), b)
		b.Settle(nil)
		if err != nil {
			t.Fatal(err)
		}
		// The client may look between the two.
		if held := f.held(); len(held[len(held)-1].streams) == 2 {
			return
		}
		if try == 20 {
			t.Fatal("the client no longer puts two streams into one request")
		}
	}
}

// connections counts goroutines of net/http's client, two to a connection.
func connections() int {
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	return strings.Count(stacks, "net/http.(*persistConn).readLoop(") + strings.Count(stacks, "net/http.(*persistConn).writeLoop(")
}

// until waits for cond, which holds before long or never.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestLeavesConnection: Close leaves one connection, until the server ends it.
func TestLeavesConnection(t *testing.T) {
	f := newFake(t)
	until(t, "connections of earlier tests are left", func() bool { return connections() == 0 })
	s, err := New(f.config(t))
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{Name: "test"})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b := batchOf(shop, "a")
		if err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
		b.Settle(nil)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := sup.Close(ctx); err != nil {
		t.Error(err)
	}
	if n := connections(); n != 2 {
		t.Errorf("%d goroutines of connections are left, want the two of one", n)
	}
	f.CloseClientConnections()
	until(t, "a connection that the server ended is still there", func() bool { return connections() == 0 })
}

// names gathers the client's metrics from the default registry, for one host label or all.
func names(t *testing.T, host string) (found []string) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if l.GetName() == "host" && strings.HasPrefix(l.GetValue(), host) {
					found = append(found, family.GetName())
				}
			}
		}
	}
	return found
}

// TestMetrics: those of a Sink are there while it is open, under a host of its own.
func TestMetrics(t *testing.T) {
	f := newFake(t)
	f.answer = func(n int, r received, w http.ResponseWriter, req *http.Request) bool {
		return n > 0 && statusOf(http.StatusInternalServerError)(n, r, w, req)
	}
	host := strings.TrimPrefix(f.URL, "http://") + "#"
	t.Run("sink", func(t *testing.T) {
		s := startSink(t, f.config(t))
		b := batchOf(batch.MustLabels("filename", "shop.log"), "a")
		defer b.Settle(nil)
		if err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
		if err := s.Write(t.Context(), b); err == nil {
			t.Error("nil from a server in trouble")
		}
		if got := names(t, host); len(got) != 9 { // of duration, two: 204 and 500
			t.Errorf("got %v", got)
		}
	})
	if got := names(t, host); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// TestUnregister: a host's registry has none of them then, and a Sink counts as before.
func TestUnregister(t *testing.T) {
	if !Unregister(prometheus.DefaultRegisterer) {
		t.Error("not all were there")
	}
	t.Cleanup(func() {
		for _, c := range theirMetrics.counters {
			prometheus.MustRegister(c)
		}
		prometheus.MustRegister(theirMetrics.duration)
	})
	f := newFake(t)
	s := startSink(t, f.config(t))
	b := batchOf(shop, "a")
	defer b.Settle(nil)
	if err := s.Write(t.Context(), b); err != nil {
		t.Error(err)
	}
	if got := names(t, ""); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if Unregister(prometheus.DefaultRegisterer) {
		t.Error("they are taken off twice")
	}
}

// TestFindsNothingElsewhere: a registry without the metrics is left as it was, and said to be without.
func TestFindsNothingElsewhere(t *testing.T) {
	r := prometheus.NewRegistry()
	if _, err := find(r).of("x"); err == nil {
		t.Error("found in an empty registry")
	}
	if Unregister(r) {
		t.Error("find has left something")
	}
}
