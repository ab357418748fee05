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
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A distant destination takes its time over each Write, and wants one stream in it.
type distant struct {
	trip  time.Duration
	bytes atomic.Int64
}

func (d *distant) PerStream() bool             { return true }
func (d *distant) Close(context.Context) error { return nil }

func (d *distant) Write(ctx context.Context, b *batch.Batch) error {
	time.Sleep(d.trip)
	d.bytes.Add(int64(b.Size()))
	return nil
}

// streamBatches returns a batch of 512 KiB for each of some streams.
func streamBatches(streams int) (list []*batch.Batch) {
	line := make([]byte, 256)
	for i := range streams {
		b := batch.New(nil, batch.MustLabels("stream", fmt.Sprint(i)))
		for range 512 << 10 / len(line) {
			b.Append(base, line)
		}
		list = append(list, b)
	}
	return list
}

// BenchmarkSpillDrain empties a queue into a destination 20 ms away, eight streams at a time, beside the same batches
// written there without a queue, eight at a time too. Its disk/direct is the share of that rate which is reached.
func BenchmarkSpillDrain(b *testing.B) {
	const streams, rounds = 8, 48
	batches := streamBatches(streams)
	volume := float64(rounds * streams * batches[0].Size())
	var direct, drained time.Duration
	for b.Loop() {
		to := &distant{trip: 20 * time.Millisecond}
		calls := lifecycle.New(lifecycle.Config{})
		began := time.Now()
		var handles []*lifecycle.Handle
		for _, one := range batches {
			handles = append(handles, calls.Go("write", func(ctx context.Context) error {
				for range rounds {
					if err := to.Write(ctx, one); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		for _, h := range handles {
			<-h.Done()
		}
		direct += time.Since(began)
		calls.Close(b.Context())

		var down atomic.Bool
		down.Store(true)
		gate := &gated{to, &down}
		s, err := sink.Spill(sink.Retry(gate, sink.RetryConfig{Min: time.Millisecond, Max: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(b.TempDir(), "q")})
		if err != nil {
			b.Fatal(err)
		}
		tasks := lifecycle.New(lifecycle.Config{})
		if err := s.Start(b.Context(), tasks); err != nil {
			b.Fatal(err)
		}
		for range rounds {
			for _, one := range batches {
				if err := s.Write(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
		}
		began = time.Now()
		down.Store(false)
		if err := s.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
		drained += time.Since(began)
		if err := errors.Join(s.Close(b.Context()), tasks.Close(b.Context())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*volume/drained.Seconds()/1e6, "drain-MB/s")
	b.ReportMetric(float64(b.N)*volume/direct.Seconds()/1e6, "direct-MB/s")
	b.ReportMetric(float64(direct)/float64(drained), "drain/direct")
}

// gated is a distant destination that can be down.
type gated struct {
	*distant
	down *atomic.Bool
}

func (g *gated) Write(ctx context.Context, b *batch.Batch) error {
	if g.down.Load() {
		return errDown
	}
	return g.distant.Write(ctx, b)
}

// BenchmarkSpillWrite is a Write of 100 short lines to a queue whose destination keeps up.
func BenchmarkSpillWrite(b *testing.B) {
	s, err := sink.Spill(sink.Discard(), sink.SpillConfig{Dir: filepath.Join(b.TempDir(), "q")})
	if err != nil {
		b.Fatal(err)
	}
	tasks := lifecycle.New(lifecycle.Config{})
	if err := s.Start(b.Context(), tasks); err != nil {
		b.Fatal(err)
	}
	full := numbered(100)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Write(b.Context(), full); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := errors.Join(s.Close(context.Background()), tasks.Close(context.Background())); err != nil {
		b.Fatal(err)
	}
}
