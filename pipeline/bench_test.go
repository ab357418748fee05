package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// blank is a sink that wants one stream in a batch, or not.
type blank struct{ single bool }

func (blank) Write(context.Context, *batch.Batch) error { return nil }
func (blank) Close(context.Context) error               { return nil }
func (b blank) PerStream() bool                         { return b.single }

// BenchmarkEngine measures an entry's way from a Send to a Write, in batches of
// 1000 lines of 100 bytes. One operation is one batch.
func BenchmarkEngine(b *testing.B) {
	match := func(e *batch.Entry) bool { return e.Labels.Len() > 0 }
	for _, c := range []struct {
		name    string
		streams int
		routes  []Route
	}{
		{"one stream", 1, []Route{{Sink: blank{}}}},
		{"one stream, three routes", 1, []Route{{Sink: blank{}}, {Sink: blank{}, Match: match}, {Sink: blank{true}}}},
		{"per stream, 100 streams", 100, []Route{{Sink: blank{true}}}},
		{"best effort", 1, []Route{{Sink: blank{}}, {Sink: sink.Discard(), BestEffort: true}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			const perBatch, lineBytes = 1000, 100
			lines := make(chan int)
			feed := source.Func(func(ctx context.Context, out *source.Outlet) error {
				streams := make([]*source.Stream, c.streams)
				for i := range streams {
					name := strconv.Itoa(i)
					s, err := out.Open(ctx, name, batch.MustLabels("stream", name))
					if err != nil {
						return err
					}
					streams[i] = s
				}
				at := 0
				for n := range lines {
					for sent := 0; sent < n; {
						s := streams[at%len(streams)]
						at++
						bt := s.NewBatch()
						bt.Grow(perBatch)
						n := min(perBatch, n-sent)
						text := bt.Buffer(n * lineBytes) // as a reader of files does
						for i := range n {
							bt.AppendShared(time.Time{}, text[i*lineBytes:(i+1)*lineBytes])
						}
						sent += n
						if err := s.Send(ctx, bt, "1"); err != nil {
							return err
						}
					}
					lines <- 0
				}
				return nil
			})
			e, err := New(Config{Sources: map[string]source.Source{"a": feed}, Routes: c.routes})
			if err != nil {
				b.Fatal(err)
			}
			if err := e.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(lineBytes * perBatch)
			for b.Loop() {
				lines <- perBatch
				<-lines
			}
			if err := e.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/perBatch, "ns/entry")
			b.ReportMetric(float64(b.N)/float64(e.Stats().Routes["route0"].Batches), "batches/Write")
			close(lines)
			if err := e.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
			if st := e.Stats(); st.Sources["a"].Delivered != int64(b.N)*perBatch {
				b.Fatal(fmt.Sprint(st))
			}
		})
	}
}

// BenchmarkManyStreams measures what it costs to have ten thousand streams: one
// operation is one small batch of one of them, of 10 lines, on its way to a Write.
func BenchmarkManyStreams(b *testing.B) {
	const streams, perBatch = 10_000, 10
	short := batch.Fixed(batch.Limits{MaxWait: 5 * time.Millisecond})
	for i, shaper := range []batch.Shaper{nil, nil, short, short} {
		name, single := []string{"adaptive", "fixed"}[i/2], i%2 == 0
		b.Run(fmt.Sprintf("%s, one stream in a batch=%v", name, single), func(b *testing.B) {
			rounds := make(chan int)
			feed := source.Func(func(ctx context.Context, out *source.Outlet) error {
				var all []*source.Stream
				for i := range streams {
					name := strconv.Itoa(i)
					s, err := out.Open(ctx, name, batch.MustLabels("stream", name))
					if err != nil {
						return err
					}
					all = append(all, s)
				}
				rounds <- 0
				at := 0
				for n := range rounds {
					for range n {
						s := all[at%streams]
						at++
						bt := s.NewBatch()
						for range perBatch {
							bt.Append(time.Time{}, []byte("ten thousand streams have something to say"))
						}
						if err := s.Send(ctx, bt, "1"); err != nil {
							return err
						}
					}
					rounds <- 0
				}
				return nil
			})
			e, err := New(Config{
				Sources: map[string]source.Source{"a": feed},
				Routes:  []Route{{Sink: blank{single}, MaxInFlight: 8, Shaper: shaper}},
			})
			if err != nil {
				b.Fatal(err)
			}
			if err := e.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			<-rounds
			b.ReportAllocs()
			b.ResetTimer()
			rounds <- b.N
			<-rounds
			if err := e.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/float64(e.Stats().Routes["route0"].Batches), "parts/Write")
			close(rounds)
			if err := e.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
