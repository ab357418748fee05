package load

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A Comparison holds the pipeline's own shaper against fixed settings, one after the other, each flat out for twice
// Window, of which the second half counts.
type Comparison struct {
	Open      func() (sink.Sink, error) // a Sink for each
	Streams   int
	LineBytes int
	Sizes     []int // of batches, in bytes, that are fixed
	InFlight  []int // Writes, with each of these sizes
	Window    time.Duration
}

// A Verdict is what came of it, in MB of lines a second.
type Verdict struct {
	Own, Best float64
	Setting   string // which is the best of the fixed ones
}

// OfBest is the share of the best fixed setting that the own shaper reaches.
func (v Verdict) OfBest() float64 { return v.Own / v.Best }

// String tells both rates, and the setting.
func (v Verdict) String() string {
	return fmt.Sprintf("%.1f MB/s; the best fixed setting (%s): %.1f MB/s", v.Own, v.Setting, v.Best)
}

// Run makes the comparison. ctx bounds it.
func (c Comparison) Run(ctx context.Context) (v Verdict, err error) {
	for _, size := range c.Sizes {
		for _, n := range c.InFlight {
			got, err := c.rate(ctx, batch.Fixed(batch.Limits{MaxBytes: size}), n)
			if err != nil {
				return v, err
			}
			if got > v.Best {
				v.Best, v.Setting = got, fmt.Sprintf("%d KiB, %d in flight", size>>10, n)
			}
		}
	}
	v.Own, err = c.rate(ctx, nil, 0)
	return v, err
}

func (c Comparison) rate(ctx context.Context, shaper batch.Shaper, inFlight int) (float64, error) {
	to, err := c.Open()
	if err != nil {
		return 0, err
	}
	r, err := Start(ctx, Config{Sink: to, Shaper: shaper, MaxInFlight: inFlight, Streams: c.Streams, LineBytes: c.LineBytes})
	if err != nil {
		return 0, err
	}
	r.Over(ctx, c.Window)
	got := r.Over(ctx, c.Window)
	return float64(got.Bytes) / 1e6 / c.Window.Seconds(), r.Close(ctx)
}
