package lokitest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// patient retries as a pipeline does, but for tests: soon.
func patient(s sink.Sink) sink.Sink {
	return sink.Retry(s, sink.RetryConfig{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond})
}

// scrambled is a line of n bytes that does not compress, so that a limit of raw and one of compressed bytes are both met.
func scrambled(n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"
	line := make([]byte, n)
	for i := range line {
		line[i] = letters[rand.IntN(len(letters))]
	}
	return line
}

// lines returns a batch of n lines of size bytes.
func (p *prover) lines(n, size int) *batch.Batch {
	b := batch.New(nil, proof)
	for range n {
		b.Append(p.next(), scrambled(size))
	}
	return b
}

// expect writes b, and checks that the entries which meets selects have one fate, and the others another.
func (p *prover) expect(b *batch.Batch, fate string, meets func(i int) bool, otherwise string) {
	p.t.Helper()
	for i, err := range p.write(b) {
		want := otherwise
		if meets(i) {
			want = fate
		}
		if !fateIs(err, want) {
			p.t.Errorf("entry %d: want %q, got %s%v", i, want, class(err), err)
		}
	}
	p.check()
}

// writeAll writes b, however often it takes.
func (p *prover) writeAll(b *batch.Batch) {
	p.t.Helper()
	for _, err := range p.writeThrough(patient(p.sink), b) {
		if err != nil {
			p.t.Fatal(err)
		}
	}
	p.check()
}

var proof = batch.MustLabels("proof", "rate")

// A stream that is over its rate is refused whole, which ends its part of the batch where it stands; other streams go on.
func TestStreamRate(t *testing.T) {
	s := startProven(t, Tenants(map[string]string{
		"slow":  "per_stream_rate_limit: 100B\nper_stream_rate_limit_burst: 18KB",
		"burst": "per_stream_rate_limit: 30KB\nper_stream_rate_limit_burst: 10KB",
	}))
	t.Run("in the middle", func(t *testing.T) {
		p := prove(t, s, "slow", func(c *loki.Config) { c.MaxRequest = 6 << 10 })
		b := p.lines(10, 5<<10)
		b.Entries[9].Labels = batch.MustLabels("proof", "another")
		p.expect(b, delivered, func(i int) bool { return i < 3 || i == 9 }, waiting+"Per stream rate limit exceeded")
	})
	// A request above the burst never gets through, however long one waits: it must become smaller.
	t.Run("above the burst", func(t *testing.T) {
		p := prove(t, s, "burst")
		p.writeAll(p.lines(40, 1<<10))
		if st := p.sink.Stats(); st.Statuses[429] == 0 {
			t.Errorf("nothing was refused: %+v", st)
		}
	})
}

// The tenant's rate is met by all of its streams together: nothing of a request that is refused is stored.
func TestTenantRate(t *testing.T) {
	s := startProven(t, Tenants(map[string]string{
		"slow":  "ingestion_rate_mb: 0.0001\ningestion_burst_size_mb: 0.02",
		"burst": "ingestion_rate_mb: 0.03\ningestion_burst_size_mb: 0.01",
	}))
	t.Run("in the middle", func(t *testing.T) {
		p := prove(t, s, "slow", func(c *loki.Config) { c.MaxRequest = 6 << 10 })
		b := p.lines(10, 5<<10)
		b.Entries[9].Labels = batch.MustLabels("proof", "another")
		p.expect(b, delivered, func(i int) bool { return i < 4 }, throttled+"ingestion rate limit exceeded for user slow")
	})
	t.Run("above the burst", func(t *testing.T) {
		p := prove(t, s, "burst")
		p.writeAll(p.lines(40, 1<<10))
		if st := p.sink.Stats(); st.Statuses[429] == 0 || st.Resends == 0 {
			t.Errorf("nothing was refused, or made smaller: %+v", st)
		}
	})
}

// What is too large for a message within Loki, which it makes larger by what it adds, is sent in parts; one entry that is
// too large by itself is refused.
func TestMessageTooLarge(t *testing.T) {
	s := startProven(t, Tenants(nil), Flags("-server.grpc-max-recv-msg-size-bytes=65536"))
	p := prove(t, s, "small", func(c *loki.Config) { c.MaxRequest = 60 << 10 })
	b := batch.New(nil, proof)
	for i := range 2000 {
		b.Append(p.next(), fmt.Append(nil, i))
	}
	b.Append(p.next(), bytes.Repeat([]byte("x"), 70<<10))
	b.Append(p.next(), []byte("the last one"))
	p.expect(b, refused+"received message larger than max", func(i int) bool { return i == 2000 }, delivered)
	if st := p.sink.Stats(); st.Statuses[500] < 2 {
		t.Errorf("nothing was too large: %+v", st)
	}
	before := p.sink.Stats().Statuses[500]
	p.writeAll(p.lines(40, 2<<10))
	if n := p.sink.Stats().Statuses[500] - before; n > 0 {
		t.Errorf("%d requests were too large after it was known what is", n)
	}
}

func TestBodyTooLarge(t *testing.T) {
	s := startProven(t, Tenants(nil), Flags("-distributor.max-recv-msg-size=20000"))
	p := prove(t, s, "small")
	b := p.lines(50, 1<<10)
	b.Append(p.next(), scrambled(40<<10))
	b.Append(p.next(), []byte("the last one"))
	p.expect(b, refused+"too large", func(i int) bool { return i == 50 }, delivered)
	before := p.sink.Stats().Statuses[413]
	if before < 2 {
		t.Errorf("nothing was too large: %+v", p.sink.Stats())
	}
	p.writeAll(p.lines(50, 1<<10))
	if n := p.sink.Stats().Statuses[413] - before; n > 0 {
		t.Errorf("%d requests were too large after it was known what is", n)
	}
}

// The largest requests the sink makes pass Loki's own limit of 4 MiB, and the shortest lines, to which Loki adds most, get
// through one way or the other.
func TestLargestRequests(t *testing.T) {
	const free = "max_line_size: 8MB\ningestion_rate_mb: 1000\ningestion_burst_size_mb: 1000\n" +
		"per_stream_rate_limit: 1GB\nper_stream_rate_limit_burst: 1GB\nshard_streams: {enabled: false}"
	s := startProven(t, Tenants(map[string]string{"long": free, "short": free}))
	for tenant, lines := range map[string][2]int{"long": {16, 900 << 10}, "short": {200_000, 1}} {
		t.Run(tenant, func(t *testing.T) {
			p := prove(t, s, tenant, func(c *loki.Config) { c.MaxRequest = 3 << 20 })
			b := p.lines(lines[0], lines[1])
			if err := p.sink.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if got := p.count(`{proof="rate"}`); got != len(b.Entries) {
				t.Errorf("%d entries stored, want %d", got, len(b.Entries))
			}
			t.Logf("%+v", p.sink.Stats())
		})
	}
}
