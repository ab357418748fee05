package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// counter is a source of numbered lines: its cursor is the number of the next.
// It ends after total lines.
type counter struct {
	stream   string
	total    int
	perBatch int
	every    time.Duration // between batches
	follow   bool          // goes on until ctx ends, instead of returning
}

func (c counter) Run(ctx context.Context, out *source.Outlet) error {
	stream := c.stream
	if stream == "" {
		stream = "numbers"
	}
	s, err := out.Open(ctx, stream, batch.MustLabels("stream", stream))
	if err != nil {
		return err
	}
	at := 0
	if s.Cursor() != "" {
		if at, err = strconv.Atoi(s.Cursor()); err != nil {
			return err
		}
	}
	for at < c.total {
		b := s.NewBatch()
		for range max(1, c.perBatch) {
			if at < c.total {
				b.Append(time.Time{}, fmt.Appendf(nil, "%s %d", stream, at))
				at++
			}
		}
		if err := s.Send(ctx, b, strconv.Itoa(at)); err != nil {
			return err
		}
		if err := sleep(ctx, c.every); err != nil {
			return err
		}
	}
	if c.follow {
		<-ctx.Done()
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d > 0 && !lifecycle.Sleep(ctx, d) {
		return context.Cause(ctx)
	}
	return nil
}

// collector is a sink that remembers every line, in order, and does what fail
// says before.
type collector struct {
	mu     sync.Mutex
	lines  []string
	writes int
	closed int
	fail   func(n int, ctx context.Context, b *batch.Batch) error // n: the number of the Write, from 1
	single bool
}

func (c *collector) PerStream() bool { return c.single }

func (c *collector) Write(ctx context.Context, b *batch.Batch) error {
	c.mu.Lock()
	c.writes++
	n := c.writes
	c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(n, ctx, b); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range b.Entries {
		c.lines = append(c.lines, string(b.Entries[i].Line))
	}
	return nil
}

func (c *collector) Close(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	return nil
}

func (c *collector) wrote() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

func (c *collector) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lines...)
}

// missing and twice compare what was delivered of a stream with 0..total-1.
func (c *collector) check(stream string, total int) (missing, twice int, inOrder bool) {
	seen := make([]int, total)
	inOrder = true
	last := -1
	for _, l := range c.got() {
		s, num, ok := strings.Cut(l, " ")
		if !ok || s != stream {
			continue
		}
		n, _ := strconv.Atoi(num)
		seen[n]++
		if n < last {
			inOrder = false
		}
		last = n
	}
	for _, n := range seen {
		if n == 0 {
			missing++
		}
		twice += max(0, n-1)
	}
	return missing, twice, inOrder
}

// mustNew returns an Engine whose released memory is poisoned.
func mustNew(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.pool.Poison = true
	return e
}

func mustStart(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e := mustNew(t, cfg)
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// closes checks that the sums of every source and route close.
func closes(t testing.TB, s Stats) {
	t.Helper()
	for name, x := range s.Sources {
		out := x.Delivered + x.DeadLettered + x.Undelivered + x.InFlight
		for _, n := range x.Dropped {
			out += n
		}
		if x.Read+x.Added != out {
			t.Errorf("source %s does not close: %d read + %d added, %d accounted for: %+v", name, x.Read, x.Added, out, x)
		}
	}
	for name, x := range s.Routes {
		out := x.Delivered + x.DeadLettered + x.Undelivered + x.InFlight
		for _, n := range x.Dropped {
			out += n
		}
		if x.Routed != out {
			t.Errorf("route %s does not close: %d routed, %d accounted for: %+v", name, x.Routed, out, x)
		}
	}
}
