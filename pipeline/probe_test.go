package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A route that has nothing else to write asks again as often as its shaper wants to know whether the destination is back,
// and not as rarely as the backoff of the one batch there is has become. One whose tries are counted keeps to its backoff,
// and so does one that was told to wait.
func TestTheLastBatchIsTheProbe(t *testing.T) {
	refused := errors.New("connection refused")
	for _, tt := range []struct {
		name     string
		retry    sink.RetryConfig
		err      error
		in       time.Duration // after the destination is back
		tries    [2]int32      // while it is away
		shapedBy batch.Shaper
	}{
		{name: "refused", err: refused, in: 6 * time.Second, tries: [2]int32{20, 60}},
		{name: "tries counted", retry: sink.RetryConfig{Tries: 1000}, err: refused, in: 39 * time.Second, tries: [2]int32{8, 13}},
		{name: "told to wait", err: sink.RetryAfter(refused, 50*time.Second), in: 65 * time.Second, tries: [2]int32{2, 3}},
		{name: "no pauses", err: refused, in: 39 * time.Second, tries: [2]int32{8, 13}, shapedBy: batch.Fixed(batch.Limits{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const outage = 103 * time.Second
				began := time.Now()
				var tries atomic.Int32
				out := sink.Func(func(context.Context, *batch.Batch) error {
					if time.Since(began) < outage {
						tries.Add(1)
						return tt.err
					}
					return nil
				})
				e := mustStart(t, Config{
					Sources: streams(1, 5, 0),
					Routes:  []Route{{Sink: sink.Retry(out, tt.retry), Shaper: tt.shapedBy}},
				})
				<-e.Done()
				if late := time.Since(began) - outage; late > tt.in {
					t.Errorf("delivered %v after the destination was back, want %v at most", late, tt.in)
				}
				if n := tries.Load(); n < tt.tries[0] || n > tt.tries[1] {
					t.Errorf("%d tries in %v, want %d to %d", n, outage, tt.tries[0], tt.tries[1])
				}
				if err := e.Close(t.Context()); err != nil {
					t.Error(err)
				}
				closes(t, e.Stats())
			})
		})
	}
}
