package lokitest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
)

const (
	exactSource = "script"
	exactRoute  = "loki"
)

// A carriage is a pipeline from a script to a Loki, with all that is to be
// known of it.
type carriage struct {
	t        *testing.T
	engine   *pipeline.Engine
	loki     *loki.Sink
	author   *author
	graves   *graveyard
	progress *progress
	began    time.Time
	down     time.Duration // how long there was no Loki

	mu       sync.Mutex
	breaker  []string       // changes of its state
	failures map[string]int // Writes that failed, by what they failed of
}

// newCarriage starts one. Its sink stands behind what is recommended, and
// everything has its defaults.
func newCarriage(t *testing.T, srv *Server, s *script, graves *graveyard, points source.Checkpoints) *carriage {
	t.Helper()
	c := &carriage{t: t, author: newAuthor(s), graves: graves, progress: newProgress(), began: time.Now(), failures: map[string]int{}}
	var err error
	if c.loki, err = loki.New(loki.Config{URL: srv.URL}); err != nil {
		t.Fatal(err)
	}
	breaker := sink.Breaker(sink.Observe(c.loki, c.progress.observe), sink.BreakerConfig{OnState: c.noteBreaker})
	c.engine, err = pipeline.New(pipeline.Config{
		Sources:     map[string]source.Source{exactSource: c.author},
		Routes:      []pipeline.Route{{Name: exactRoute, Sink: sink.Retry(breaker, sink.RetryConfig{}), DeadLetter: graves}},
		Checkpoints: points,
		Hooks:       pipeline.Hooks{WriteFailed: c.noteFailure},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// After a failure only; else it has been closed.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.engine.Close(ctx)
	})
	return c
}

func (c *carriage) noteBreaker(_, to sink.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.breaker = append(c.breaker, fmt.Sprintf("%.1fs %v", time.Since(c.began).Seconds(), to))
}

func (c *carriage) noteFailure(_ string, err error, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures[causeOf(err)]++
}

const (
	streamLimited = "429, the rate of the stream"
	tenantLimited = "429, the rate of the tenant"
)

// causeOf says in few words why a Write has to be repeated.
func causeOf(err error) string {
	var partial *sink.PartialError
	if errors.As(err, &partial) {
		for _, f := range partial.Failures {
			if !sink.IsPermanent(f.Err) {
				return causeOf(f.Err)
			}
		}
	}
	text := err.Error()
	_, status, answered := strings.Cut(text, ": status ")
	switch {
	case errors.Is(err, sink.ErrBreakerOpen):
		return "the breaker was open"
	case strings.Contains(text, "rate limit of the stream"):
		return streamLimited
	case strings.Contains(text, "rate limit of the tenant"):
		return tenantLimited
	case answered:
		return status[:min(len(status), 3)]
	}
	return "no answer"
}

func (c *carriage) failed(class string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failures[class]
}

// ledgerCloses fails the test unless the sums of the pipeline's ledger are equal.
func (c *carriage) ledgerCloses() pipeline.Stats {
	c.t.Helper()
	st := c.engine.Stats()
	s, r := st.Sources[exactSource], st.Routes[exactRoute]
	if got := s.Delivered + sum(s.Dropped) + s.DeadLettered + s.Undelivered + s.InFlight; got != s.Read+s.Added {
		c.t.Errorf("the source's ledger does not close: %d of %d\n%v", got, s.Read+s.Added, st)
	}
	if got := r.Delivered + sum(r.Dropped) + r.DeadLettered + r.Undelivered + r.InFlight; got != r.Routed {
		c.t.Errorf("the route's ledger does not close: %d of %d\n%v", got, r.Routed, st)
	}
	return st
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// finish waits until everything has been read, closes the pipeline and checks
// its account: what was read since the cursors it began with is delivered or,
// if it is invalid, a dead letter.
func (c *carriage) finish(ctx context.Context) {
	c.t.Helper()
	select {
	case <-c.author.done:
	case <-ctx.Done():
		c.t.Fatalf("not all has been read: %v\n%v", context.Cause(ctx), c.engine.Stats())
	}
	if err := c.engine.Close(ctx); err != nil {
		c.t.Fatalf("Close: %v\n%v", err, c.engine.Stats())
	}
	took := time.Since(c.began)
	st := c.ledgerCloses()
	s, r := st.Sources[exactSource], st.Routes[exactRoute]
	if s.Delivered+s.DeadLettered != s.Read || r.Delivered != s.Delivered || r.DeadLettered != s.DeadLettered || st.UnsavedCursors != 0 {
		c.t.Errorf("not everything is settled:\n%v", st)
	}
	c.t.Logf("%v", st)
	c.report(took, r)
}

// report prints what the way to Loki was like.
func (c *carriage) report(took time.Duration, r pipeline.RouteStats) {
	c.t.Helper()
	secs, st := took.Seconds(), c.loki.Stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Logf("%.0f lines/s and %.2f MB/s over %.1f s, in %.1f s of which there was no Loki",
		float64(r.Delivered)/secs, float64(r.Bytes)/secs/1e6, secs, c.down.Seconds())
	c.t.Logf("%d requests (%d of them parts of others again) with %.1f MB to deliver %.1f MB, compressed %.1f MB; answers %v (0: none)",
		st.Requests, st.Resends, float64(st.RawBytes)/1e6, float64(r.Bytes)/1e6, float64(st.WireBytes)/1e6, st.Statuses)
	for _, class := range slices.Sorted(maps.Keys(c.failures)) {
		c.t.Logf("Writes that failed: %6d %s", c.failures[class], class)
	}
	c.t.Logf("breaker: %s", strings.Join(c.breaker, ", "))
}

// interrupt ends Loki and brings it back.
func (c *carriage) interrupt(how string, end, begin func()) {
	c.t.Helper()
	at := time.Since(c.began)
	end()
	ended := time.Since(c.began)
	c.ledgerCloses()
	begin()
	ready := time.Since(c.began)
	c.down += ready - at
	c.t.Logf("Loki %s: %.1f s to %.1f s, ready at %.1f s", how, at.Seconds(), ended.Seconds(), ready.Seconds())
}

// outage lets the pipeline go without Loki for that long.
func (c *carriage) outage(ctx context.Context, d time.Duration) {
	c.t.Helper()
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
		c.t.Fatal(context.Cause(ctx))
	}
}

// abandon closes the pipeline before it is through, within ctx, and checks that
// it says so. It returns the account.
func (c *carriage) abandon(ctx context.Context) pipeline.SourceStats {
	c.t.Helper()
	err := c.engine.Close(ctx)
	st := c.ledgerCloses()
	s := st.Sources[exactSource]
	var undelivered *pipeline.UndeliveredError
	if !errors.As(err, &undelivered) {
		c.t.Fatalf("Close: %v, want an UndeliveredError", err)
	}
	if n := undelivered.Sources[exactSource]; n == 0 || n != s.Undelivered || s.InFlight != 0 {
		c.t.Errorf("Close says %d entries are not delivered:\n%v", n, st)
	}
	c.t.Logf("Close: %v\n%v", err, st)
	return s
}
