package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// What came in small Writes while the destination was busy, or had the stream wait, goes to it in large ones.
func TestSpillSmallWritesAreDeliveredTogether(t *testing.T) {
	const writes = 300
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprint("waits=", waits), func(t *testing.T) {
			open := make(chan struct{})
			var calls, after, entries atomic.Int64
			to := sink.Func(func(_ context.Context, b *batch.Batch) error {
				calls.Add(1)
				select {
				case <-open:
				default:
					if waits {
						return sink.RetryAfter(errors.New("429"), 10*time.Millisecond)
					}
					<-open
				}
				after.Add(1)
				entries.Add(int64(len(b.Entries)))
				return nil
			})
			s, err := sink.Spill(sink.Retry(to, sink.RetryConfig{Min: time.Millisecond, Max: 10 * time.Millisecond}),
				sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q")})
			if err != nil {
				t.Fatal(err)
			}
			s.Poison()
			if err := s.Start(t.Context(), newSupervisor(t)); err != nil {
				t.Fatal(err)
			}
			for i := range writes {
				b := batch.New(nil, batch.MustLabels("app", "shop"))
				b.Append(base, fmt.Append(nil, i))
				if err := s.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				until(t, "the destination", func() bool { return calls.Load() > 0 })
			}
			if waits {
				until(t, "all to wait", func() bool { return s.Stats().Waiting == writes })
			}
			close(open)
			if err := errors.Join(s.Drain(soon(t)), s.Close(soon(t))); err != nil {
				t.Fatal(err)
			}
			if n := after.Load(); n > 10 || entries.Load() != writes {
				t.Errorf("%d entries in %d Writes, want %d in few", entries.Load(), n, writes)
			}
		})
	}
}
