package pipeline

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// While a sink is down, a route that may drop never makes its sources wait, and
// counts what it drops. Lines are short and batches small, so that headers weigh
// more than lines.
func TestOverflow(t *testing.T) {
	const lines = 5_000
	for name, r := range map[string]Route{
		"DropOldest":             {Overflow: DropOldest},
		"DropNewest":             {Overflow: DropNewest},
		"Sample":                 {Overflow: Sample},
		"best effort":            {BestEffort: true},
		"best effort DropNewest": {BestEffort: true, Overflow: DropNewest},
	} {
		for _, single := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var back atomic.Bool
					out := &collector{single: single}
					out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
						if !back.Load() {
							return refuse(n, ctx, b)
						}
						return nil
					}
					r.Sink = out
					r.Shaper = batch.Fixed(batch.Limits{MaxEntries: 100})
					cfg := one(counter{total: lines, follow: true, perBatch: 3}, r)
					cfg.MaxInFlightBytes = 200 << 10
					e := mustStart(t, cfg)
					time.Sleep(1300 * time.Millisecond)
					synctest.Wait()
					st := e.Stats()
					a, x := st.Sources["a"], st.Routes["route0"]
					if a.Read != lines {
						t.Errorf("read %d of %d: the source waits", a.Read, lines)
					}
					sampled := x.Dropped[DroppedSampled] > 0
					if x.Dropped[DroppedOverflow] == 0 || sampled != (r.Overflow == Sample) || len(x.Dropped) > 2 {
						t.Errorf("dropped %v", x.Dropped)
					}
					if r.BestEffort && (a.Delivered != lines || st.InFlightBytes != 0) {
						t.Errorf("a best-effort route delays acknowledgements: %v", st)
					}
					back.Store(true)
					if err := e.Close(t.Context()); err != nil {
						t.Error(err)
					}
					st = e.Stats()
					closes(t, st)
					if a, x = st.Sources["a"], st.Routes["route0"]; !r.BestEffort && !maps.Equal(a.Dropped, x.Dropped) {
						t.Errorf("the source has %v, the route %v", a.Dropped, x.Dropped)
					}
					_, twice, inOrder := out.check("numbers", lines)
					if twice > 0 || !inOrder || int64(len(out.got())) != st.Routes["route0"].Delivered {
						t.Errorf("%d twice, in order: %v, %d lines, %v", twice, inOrder, len(out.got()), st)
					}
					newest := strings.HasSuffix(out.got()[len(out.got())-1], " 4999")
					if want := name == "DropOldest" || name == "best effort"; want != newest {
						t.Errorf("the last line delivered is %q", out.got()[len(out.got())-1])
					}
				})
			})
		}
	}
}

// Copies are bounded also where no line has a byte, and while the owner of the
// route has no time.
func TestBestEffortIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cfg := one(counter{}, Route{Sink: &collector{}}, Route{Name: "copies", Sink: &collector{fail: refuse}, BestEffort: true, BufferBytes: 50 << 10})
		cfg.Hooks.WriteFailed = func(string, error, time.Duration) { <-release } // holds up the owner
		cfg.Sources["a"] = source.Func(func(ctx context.Context, out *source.Outlet) error {
			s, err := out.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			for range 50 {
				b := s.NewBatch()
				for range 100 {
					b.Append(time.Time{}, nil)
				}
				if err := s.Send(ctx, b, ""); err != nil {
					return err
				}
				if err := sleep(ctx, 30*time.Millisecond); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return nil
		})
		e := mustStart(t, cfg)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		st := e.Stats()
		closes(t, st)
		if x := st.Routes["copies"]; x.InFlight > 1500 || x.Dropped[DroppedOverflow] < 3000 {
			t.Errorf("%d copies of empty lines are kept, %d dropped", x.InFlight, x.Dropped[DroppedOverflow])
		}
		if got := st.Sources["a"].Delivered; got != 5000 {
			t.Errorf("%d of 5000 were acknowledged", got)
		}
		close(release)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		closes(t, e.Stats())
	})
}

// A route that may drop holds no more than its share of the budget, even with a
// sink that never answers and as many Writes as there may be; another route of
// the same source goes on. One that blocks stops what it shares, and no other
// source.
func TestADeadRouteHoldsItsShare(t *testing.T) {
	const budget, lines = 2 << 20, 40_000
	for name, dead := range map[string]Route{
		"Block":       {},
		"DropOldest":  {Overflow: DropOldest},
		"DropNewest":  {Overflow: DropNewest},
		"Sample":      {Overflow: Sample},
		"best effort": {BestEffort: true},
	} {
		for _, single := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					out, other := &collector{}, &collector{}
					dead.Sink = &collector{single: single, fail: func(_ int, ctx context.Context, _ *batch.Batch) error {
						<-ctx.Done()
						return context.Cause(ctx)
					}}
					dead.Name, dead.MaxInFlight, dead.Shaper = "dead", 32, batch.Fixed(batch.Limits{MaxEntries: 200})
					dead.Match = func(e *batch.Entry) bool { return e.Labels.Get("stream") != "other" }
					cfg := Config{Routes: []Route{
						{Sink: out, Match: dead.Match}, dead,
						{Sink: other, Match: streamIs("other")},
					}, Sources: map[string]source.Source{"other": counter{stream: "other", total: lines, perBatch: 10}}}
					for i := range 40 {
						name := fmt.Sprintf("s%d", i)
						cfg.Sources[name] = counter{stream: name, total: lines / 40, perBatch: 200, every: 60 * time.Millisecond}
					}
					cfg.MaxInFlightBytes = budget
					e := mustStart(t, cfg)
					time.Sleep(5 * time.Second)
					st := e.Stats()
					closes(t, st)
					if got := st.Sources["other"].Delivered; got != lines {
						t.Errorf("%d of %d of another source were delivered: %v", got, lines, st)
					}
					got := st.Routes["route0"].Delivered
					if blocks := name == "Block"; blocks == (got == lines) {
						t.Errorf("the other route of the same sources delivered %d of %d", got, lines)
					}
					const share = 3 * budget / 8 // thrice the buffer
					if name != "Block" && st.InFlightBytes > share {
						t.Errorf("the dead route holds %d bytes of the budget, want %d at most", st.InFlightBytes, share)
					}
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					e.Close(ctx)
					closes(t, e.Stats())
				})
			})
		}
	}
}
