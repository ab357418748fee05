package source_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// TestLasting: a Send goes on for LastWait after the end of Run's ctx, the cause of
// which is that of its end, and not when there is nothing more to send.
func TestLasting(t *testing.T) {
	why := errors.New("why")
	for name, closing := range map[string]bool{"told to stop": false, "all being closed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				g.r.Hold()
				g.r.SetRoom(1)
				err := g.out.Run(ctx, source.Func(func(ctx context.Context, out *source.Outlet) error {
					if closing {
						cancel(why)
						out.Go("fails", func(context.Context) error { return nil })
						go g.super.Close(context.Background())
						synctest.Wait()
					}
					lasting, stop := out.Lasting(ctx)
					defer stop()
					s, err := out.Open(lasting, "x", batch.Labels{})
					if err != nil {
						return err
					}
					cancel(why)
					if err := trySend(lasting, s, "", "taken before"); err != nil {
						t.Errorf("with room: %v", err)
					}
					began := time.Now()
					err = trySend(lasting, s, "", "no room")
					if took := time.Since(began); took != source.LastWait {
						t.Errorf("without room: %v after %v", err, took)
					}
					if !closing && !errors.Is(err, why) {
						t.Errorf("without room: %v", err)
					}
					return nil
				}))
				if err != nil {
					t.Error(err)
				}
				g.r.Release()
			})
		})
	}
}

// TestLastingStopped: a source that ends by itself is not held up.
func TestLastingStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		began := time.Now()
		err := g.out.Run(t.Context(), source.Func(func(ctx context.Context, out *source.Outlet) error {
			lasting, stop := out.Lasting(ctx)
			stop()
			if lasting.Err() == nil {
				t.Error("goes on after stop")
			}
			return nil
		}))
		if took := time.Since(began); err != nil || took > 0 {
			t.Errorf("%v after %v", err, took)
		}
	})
}
