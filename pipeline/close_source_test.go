package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

func TestCloseWithAStuckSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		out := &collector{}
		cfg := one(counter{total: 10}, Route{Sink: out})
		cfg.Sources["mud"] = source.Func(func(ctx context.Context, o *source.Outlet) error {
			<-release
			s, err := o.Open(context.Background(), "late", batch.Labels{})
			if err != nil {
				return err
			}
			b := s.NewBatch()
			b.Append(time.Time{}, []byte("late 0"))
			if err := s.Send(context.Background(), b, "1"); !errors.Is(err, ErrClosed) {
				t.Errorf("Send after Close = %v", err)
			}
			return nil
		})
		e := mustStart(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		err := e.Close(within(t, 2*time.Second))
		var se *lifecycle.StuckError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), "still running: pipeline/sources/mud (told to stop") {
			t.Errorf("Close = %v, want a StuckError that names the source first", err)
		}
		if out.closed != 1 || len(out.got()) != 10 {
			t.Errorf("delivery waited for the stuck source: %d lines, closed %d", len(out.got()), out.closed)
		}
		close(release)
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// A source that does not listen to its ctx may go on sending. It must not hang
// in Send beyond the hard stop, nor fill the memory until then.
func TestCloseWithASourceThatGoesOnSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one(counter{}, Route{Sink: &collector{fail: refuse}})
		cfg.MaxInFlightBytes = 64 << 10
		cfg.Sources["a"] = source.Func(func(ctx context.Context, out *source.Outlet) error {
			s, err := out.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			for i := 0; ; i++ {
				b := s.NewBatch()
				b.Append(time.Time{}, make([]byte, 1000))
				if err := s.Send(context.Background(), b, fmt.Sprint(i)); err != nil {
					return err
				}
			}
		})
		e := mustStart(t, cfg)
		time.Sleep(1700 * time.Millisecond)
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(5300 * time.Millisecond)
			if got := e.Stats().InFlightBytes; got > 3*cfg.MaxInFlightBytes {
				t.Errorf("%d bytes in flight during Close", got)
			}
		})
		err := e.Close(within(t, 10*time.Second))
		wg.Wait()
		var se *lifecycle.StuckError
		if errors.As(err, &se) {
			t.Errorf("Close = %v", err)
		}
		if got := e.Stats().InFlightBytes; got != 0 {
			t.Errorf("%d bytes in flight after Close", got)
		}
	})
}
