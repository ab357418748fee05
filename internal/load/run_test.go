package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Lines at a pace arrive at that pace, and how long each was on its way is what the sink takes and the shaper waits.
func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := sink.Func(func(context.Context, *batch.Batch) error { time.Sleep(3 * time.Millisecond); return nil })
		r, err := Start(t.Context(), Config{
			Sink: slow, Shaper: batch.Fixed(batch.Limits{MaxWait: 2 * time.Millisecond}), Streams: 2, LineBytes: 100, Every: 10 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Over(t.Context(), time.Second+time.Millisecond)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got.Bytes < 98*100 || got.Bytes > 100*100 || got.Writes != got.Bytes/100 || got.Refused != 0 {
			t.Errorf("%d bytes in %d Writes, %d refused", got.Bytes, got.Writes, got.Refused)
		}
		if m := got.Quantile(0.5); m != 5*time.Millisecond {
			t.Errorf("a line was on its way for %v", m)
		}
	})
}

// Flat out, as many lines come as the sink takes, and a Write that fails is no delivery.
func TestFlatOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		flaky := sink.Func(func(context.Context, *batch.Batch) error {
			time.Sleep(10 * time.Millisecond)
			if n.Add(1)%5 == 0 {
				return errors.New("not now")
			}
			return nil
		})
		r, err := Start(t.Context(), Config{
			Sink: flaky, Shaper: batch.Fixed(batch.Limits{MaxBytes: 100_000}), MaxInFlight: 1, Streams: 1, LineBytes: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Await(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		got := r.Over(t.Context(), time.Second)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got.Refused == 0 || got.Bytes != (got.Writes-got.Refused)*100_000 {
			t.Errorf("%d bytes in %d Writes, %d refused", got.Bytes, got.Writes, got.Refused)
		}
	})
}

func TestAwaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Start(t.Context(), Config{Sink: sink.Discard(), Streams: 1, LineBytes: 10, Every: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Await(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if q := r.Read().Quantile(0.5); q != 0 {
			t.Errorf("nothing was on its way for %v", q)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The best of the fixed settings is found, and the own shaper held against it: with a Func it has one Write in flight.
func TestComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A worker's time is 10 ms and 1 ms for each 1000 bytes, and there are two.
		c := Comparison{Open: func() (sink.Sink, error) {
			workers := make(chan struct{}, 2)
			return sink.Func(func(_ context.Context, b *batch.Batch) error {
				workers <- struct{}{}
				defer func() { <-workers }()
				time.Sleep(10*time.Millisecond + time.Duration(b.Size())*time.Microsecond)
				return nil
			}), nil
		}, Streams: 8, LineBytes: 1000, Sizes: []int{2000, 60_000}, InFlight: []int{1, 4}, Window: 5 * time.Second}
		v, err := c.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v.Setting != "58 KiB, 4 in flight" || v.Best < 1.6 || v.Best > 1.8 {
			t.Error(v)
		}
		if v.Own == 0 || v.OfBest() != v.Own/v.Best {
			t.Error(v, v.OfBest())
		}
		t.Log(v)
	})
}
