package pipeline

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// What streams have gathered goes out in several Writes at once: a batch takes all that one stream has, rather than a
// little of each, as no other Write may have anything of a stream until it ends.
func TestStreamsAreWrittenBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams, batches, line = 12, 4, 100_000
		var running, most atomic.Int32
		release := make(chan struct{})
		slow := sink.Func(func(ctx context.Context, b *batch.Batch) error {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			defer running.Add(-1)
			<-release
			return nil
		})
		feed := source.Func(func(ctx context.Context, out *source.Outlet) error {
			all := make([]*source.Stream, streams)
			for i := range all {
				name := strconv.Itoa(i)
				s, err := out.Open(ctx, name, batch.MustLabels("stream", name))
				if err != nil {
					return err
				}
				all[i] = s
			}
			for i := range batches { // of each stream in turn
				for _, s := range all {
					b := s.NewBatch()
					b.Append(time.Time{}, make([]byte, line))
					if err := s.Send(ctx, b, strconv.Itoa(i)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		linger := batch.Fixed(batch.Limits{MaxBytes: batches * line, MaxWait: 70 * time.Millisecond, InFlight: 8})
		gathered := beginsLate{linger, time.Now().Add(50 * time.Millisecond)}
		e := mustStart(t, Config{Sources: map[string]source.Source{"a": feed}, Routes: []Route{{Sink: slow, Shaper: gathered, MaxInFlight: 64}}})
		time.Sleep(200 * time.Millisecond)
		if n := most.Load(); n < 8 {
			t.Errorf("%d Writes at once, of 8 there may be, with %d streams waiting", n, streams)
		}
		close(release)
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// beginsLate lets nothing begin before a time.
type beginsLate struct {
	batch.Shaper
	at time.Time
}

func (s beginsLate) Limits(st batch.State) batch.Limits {
	l := s.Shaper.Limits(st)
	l.Pause = max(0, s.at.Sub(st.Now))
	return l
}

// A destination that hangs is noticed by the adaptive shaper although nothing happens that it could be asked for, and
// once it answers again what did not hang goes on.
func TestWritesThatHangHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes, delivered atomic.Int32
		hangs := sink.Func(func(ctx context.Context, b *batch.Batch) error {
			if writes.Add(1) <= 8 { // as many as there may be at first
				<-ctx.Done()
				return ctx.Err()
			}
			delivered.Add(int32(len(b.Entries)))
			return nil
		})
		cfg := Config{Sources: map[string]source.Source{}, Grace: time.Second, Routes: []Route{{Sink: hangs, MaxInFlight: 32}}}
		for i := range 20 { // one after the other, or the first Write takes them all
			c := counter{stream: strconv.Itoa(i), total: 10, perBatch: 10, follow: true}
			cfg.Sources[c.stream] = source.Func(func(ctx context.Context, out *source.Outlet) error {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				return c.Run(ctx, out)
			})
		}
		e := mustStart(t, cfg)
		time.Sleep(4700 * time.Millisecond)
		if n := delivered.Load(); n < 50 {
			t.Errorf("%d of 200 entries were delivered in %d Writes", n, writes.Load())
		}
		_ = e.Close(within(t, 2*time.Second)) // tells of those that hang
	})
}
