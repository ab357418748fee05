package loki

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// A pipeline, which retries by itself and with whatever it has parked of other label sets in between, has every entry
// stored once, though several label sets share one stream.
func TestPipelineClampsOnce(t *testing.T) {
	trials(t, 4, func(t *testing.T, rnd *rand.Rand) {
		tr := newTrial(t, rnd, Times{TooOld: Clamp, TooNew: Clamp, Distinct: true}, func(c *Config) { c.StreamLabels = []string{"app"} })
		tr.pushed = func(pushedEntry) {}
		// Otherwise the first that is delivered makes what was clamped before too old again.
		at := time.Now().Truncate(time.Second)
		if err := sink.Retry(tr.sink, sink.RetryConfig{}).Write(t.Context(), lines(at, "newest")); err != nil {
			t.Fatal(err)
		}
		const pods, batches, each = 6, 5, 20
		src := source.Func(func(ctx context.Context, out *source.Outlet) error {
			for pod := range pods {
				s, err := out.Open(ctx, fmt.Sprint(pod), batch.MustLabels("app", "shop", "pod", fmt.Sprint(pod)))
				if err != nil {
					return err
				}
				for n := range batches {
					b := s.NewBatch()
					for i := range each {
						off := []time.Duration{0, 0, -8 * 24 * time.Hour, 20 * time.Minute, -2 * time.Hour}[i%5]
						b.Append(at.Add(off), []byte("the line"))
					}
					if err := s.Send(ctx, b, fmt.Sprint(n)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"pods": src},
			Routes: []pipeline.Route{{
				Sink:   sink.Retry(tr.sink, sink.RetryConfig{Max: 2 * time.Second}),
				Shaper: batch.Fixed(batch.Limits{MaxEntries: 1 + rnd.IntN(50), MaxWait: time.Second}),
			}},
			CloseTimeout: time.Hour, // however often the lots have a Write fail
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(tr.of("the line")); n != pods*batches*each {
			t.Errorf("%d are stored, want %d", n, pods*batches*each)
		}
	})
}
