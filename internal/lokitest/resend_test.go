package lokitest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/loki"
)

// A resender sends the same lines again and again, as happens when an answer is
// lost.
type resender struct {
	t    *testing.T
	srv  *Server
	sink *loki.Sink
	base time.Time
}

// resendLines is three times what Loki keeps of a stream before it compresses a
// block, for it recognizes a line at once only within that.
const resendLines = 4000

func newResender(t *testing.T, srv *Server) *resender {
	t.Helper()
	return &resender{t: t, srv: srv, sink: newSink(t, loki.Config{URL: srv.URL}), base: time.Now().Add(-time.Minute)}
}

func (r *resender) send() {
	r.t.Helper()
	b := batch.New(&batch.Pool{}, batch.MustLabels("job", "resend"))
	defer b.Settle(nil)
	for i := range resendLines {
		b.Append(r.base.Add(time.Duration(i)*time.Millisecond), fmt.Appendf(nil, "%06d %s", i, strings.Repeat("x", lineSize)))
	}
	if err := r.sink.Write(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
}

// found returns how many lines a query returns.
func (r *resender) found() int {
	r.t.Helper()
	return len(r.srv.lines(r.t, `{job="resend"}`, r.base, r.base.Add(time.Minute)))
}

const noRateLimit = "ingestion_rate_mb: 1000\ningestion_burst_size_mb: 1000\n"

// TestResend sends lines twice. A query finds each once, before and after Loki
// has written them to its store.
func TestResend(t *testing.T) {
	srv := Start(t, Limits(noRateLimit+"shard_streams: {desired_rate: 100MB}"))
	r := newResender(t, srv)
	for i := range 2 {
		r.send()
		if n := r.found(); n != resendLines {
			t.Errorf("sent %d times: found %d lines, want %d", i+1, n, resendLines)
		}
	}
	srv.Stop()
	srv.Restart()
	if n := r.found(); n != resendLines {
		t.Errorf("after a restart: found %d lines, want %d", n, resendLines)
	}
}

// TestResendToShards shows what no client can prevent: a stream whose rate is
// above shard_streams.desired_rate, which is 1.5 MB/s by default, is divided
// into streams that know nothing of each other. A line that is sent again may
// go to another one than before, and a query finds it twice.
func TestResendToShards(t *testing.T) {
	srv := Start(t, Limits(noRateLimit+"shard_streams: {desired_rate: 1KB}"))
	r := newResender(t, srv)
	// Loki learns of rates once in a second, and on a busy machine there is none left when a query has been answered.
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		for range 3 {
			r.send()
		}
		if n := r.found(); n > resendLines {
			t.Logf("%d lines, found %d times", resendLines, n)
			return
		}
	}
	t.Error("Loki now finds lines once that it got twice, in shards too: sink/loki's documentation is out of date")
}
