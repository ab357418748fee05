package pipeline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// flakyCheckpoints fail, by an error and a panic in turn.
type flakyCheckpoints struct {
	*source.MemoryCheckpoints
	mu       sync.Mutex
	failures int
}

func (f *flakyCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	f.mu.Lock()
	f.failures--
	left := f.failures
	f.mu.Unlock()
	switch {
	case left > 0:
		return errors.New("disk full")
	case left == 0:
		panic("checkpoints")
	}
	return f.MemoryCheckpoints.Save(ctx, set, drop)
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		var down sync.Map
		out.fail = func(n int, ctx context.Context, b *batch.Batch) error {
			if _, ok := down.Load("down"); ok {
				return refuse(n, ctx, b)
			}
			return sleep(ctx, 1700*time.Millisecond)
		}
		e := mustStart(t, one(counter{total: 100, perBatch: 10, follow: true, every: time.Second}, Route{Sink: out, Shaper: forEver}))
		time.Sleep(3300 * time.Millisecond)
		read := e.Stats().Sources["a"].Read
		if err := e.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(out.got())); n < read {
			t.Errorf("%d lines after Flush, %d were read before", n, read)
		}
		down.Store("down", true)
		time.Sleep(2 * time.Second)
		began := time.Now()
		if err := e.Flush(within(t, 5*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		// One that waits when the pipeline is stopped learns of it.
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Flush(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("Flush during Close = %v", err)
			}
		})
		synctest.Wait()
		if err := e.Close(within(t, 3*time.Second)); err == nil {
			t.Error("Close = nil")
		}
		wg.Wait()
		if len(e.flights.waits) != 0 || e.haste.Load() != 0 {
			t.Error("a Flush has left something behind")
		}
	})
}

// Flush tells of a batch whose Send gave up, and Done does not wait for one.
func TestFlushTellsOfALostBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back sync.Map
		out := &collector{fail: func(n int, ctx context.Context, b *batch.Batch) error {
			if _, ok := back.Load("back"); !ok {
				return refuse(n, ctx, b)
			}
			return nil
		}}
		cfg := one(counter{}, Route{Sink: out})
		cfg.MaxInFlightBytes = 1
		cfg.Sources["a"] = source.Func(func(ctx context.Context, o *source.Outlet) error {
			s, err := o.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			for _, d := range []time.Duration{time.Hour, 2 * time.Second} {
				b := s.NewBatch()
				b.Append(time.Time{}, []byte("numbers 0"))
				ctx, cancel := context.WithTimeout(ctx, d)
				err = s.Send(ctx, b, "1")
				cancel()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send = %v", err)
			}
			return nil
		})
		e := mustStart(t, cfg)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := e.Flush(context.Background()); err == nil || errors.Is(err, ErrClosed) {
				t.Errorf("Flush = %v", err)
			}
		})
		time.Sleep(5 * time.Second)
		back.Store("back", true)
		<-e.Done()
		wg.Wait()
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}
