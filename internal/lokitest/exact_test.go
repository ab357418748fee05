package lokitest

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"
)

// A tier is how much a run carries, and against which limits.
type tier struct {
	lines          int
	hotShare       int           // percent of the lines, in each hot stream
	tenant, stream []Option      // the limits of all streams together and of each, if they are not Loki's own
	patience       time.Duration // for all of it
}

// tierOf returns the long tier, with Loki's default limits, if LOGFERRY_SOAK
// is set. For the volume of the short one these are too high to be noticed, so
// its own are lower: 1 rather than 4 MB/s for all streams, with a burst of 2
// rather than 6 MB, and 128 KB/s rather than 3 MB/s for each of them, with a
// burst of 256 KB rather than 15 MB, which is less than the largest request.
//
// In both no stream is divided into shards, which Loki does above 1.5 MB/s and
// which TestResendToShards shows the price of: in the long tier the hot streams
// are not that hot, in the short one the rate is higher.
func tierOf() tier {
	if os.Getenv("LOGFERRY_SOAK") != "" {
		return tier{lines: 2_000_000, hotShare: 5, patience: 45 * time.Minute}
	}
	return tier{
		lines:    100_000,
		hotShare: 15,
		tenant:   []Option{Limits("ingestion_rate_mb: 1\ningestion_burst_size_mb: 2\nshard_streams: {desired_rate: 100MB}")},
		stream:   []Option{Limits("per_stream_rate_limit: 128KB\nper_stream_rate_limit_burst: 256KB")},
		patience: 15 * time.Minute,
	}
}

// script returns one for a part of the tier's lines.
func (t tier) script(part int) *script { return newScript(t.lines/part, 100, 2, t.hotShare) }

// TestExactlyOnce carries lines to Loki, a few of them invalid, while its rate
// limits refuse, while it is killed twice, and stopped for 20 s in between. In
// the end a query finds every valid line exactly once, and the dead letter has
// every other one with its reason.
func TestExactlyOnce(t *testing.T) {
	tier := tierOf()
	srv := Start(t, slices.Concat(tier.tenant, tier.stream)...)
	ctx, cancel := context.WithTimeout(t.Context(), tier.patience)
	defer cancel()
	script := tier.script(1)
	graves := newGraveyard()
	c := newCarriage(t, srv, script, graves, nil)

	c.progress.await(ctx, t, script.total()/5)
	c.interrupt("killed", srv.Kill, srv.Restart)
	c.progress.await(ctx, t, script.total()*2/5)
	c.interrupt("stopped for 20 s", srv.Stop, func() {
		c.outage(ctx, 20*time.Second)
		srv.Restart()
	})
	c.progress.await(ctx, t, script.total()*3/5)
	c.interrupt("killed", srv.Kill, srv.Restart)
	c.finish(ctx)
	late := auditAll(t, srv, script)
	st := c.engine.Stats().Sources[exactSource]
	if invalid := script.invalid() - len(late); st.Read != int64(script.total()) || st.DeadLettered != int64(invalid) {
		t.Errorf("%d lines read, want %d; %d dead letters, want %d", st.Read, script.total(), st.DeadLettered, invalid)
	}
	// Whether a limit is felt is up to the machine's speed. That each is heeded is for rate_test.go to prove.
	if c.failed(tenantLimited) == 0 {
		t.Log("too slow to feel the rate limit of the tenant")
	}
	if len(tier.stream) > 0 && c.failed(streamLimited) == 0 {
		t.Log("too slow to feel the rate limit of a stream")
	}
	if n := graves.check(t, script, late); n > 0 {
		t.Errorf("%d dead letters came again, or are stored", n)
	}
	srv.Kill()
	srv.Restart()
	auditAll(t, srv, script)
}
