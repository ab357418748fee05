package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/lifecycle/lifecycletest"
	"github.com/logferry/logferry/source"
)

func TestStress(t *testing.T) {
	lifecycletest.Stress(t, func() lifecycletest.Life {
		e := mustNew(t, Config{
			Sources: map[string]source.Source{"a": counter{total: 100, perBatch: 3, follow: true}, "b": counter{stream: "b", total: 10, follow: true}},
			Routes:  []Route{{Sink: &collector{}}, {Sink: &collector{single: true}, BestEffort: true}},
		})
		return lifecycletest.Life{Start: e.Start, Close: func(ctx context.Context) error {
			err := e.Close(ctx)
			_, stuck := errors.AsType[*lifecycle.StuckError](err)
			if _, left := errors.AsType[*UndeliveredError](err); left && !stuck {
				return nil // some Close had no time: given back, not lost
			}
			return err
		}}
	})
}

// A hundred goroutines do everything at once.
func TestEverythingAtOnce(t *testing.T) {
	lifecycletest.NoLeak(t)
	for range 5 {
		e := mustNew(t, Config{
			Sources:          map[string]source.Source{"a": counter{total: 1 << 40, perBatch: 3}},
			Routes:           []Route{{Sink: &collector{}, MaxInFlight: 3}, {Sink: &collector{single: true}}},
			MaxInFlightBytes: 64 << 10,
		})
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				defer cancel()
				name := fmt.Sprintf("n%d", i%4)
				switch {
				case i == 0:
					time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond) // a random instant, not a synchronisation
					e.Close(context.Background())
				case i%6 == 0:
					e.Start(ctx)
				case i%6 == 1:
					e.Add(name, counter{stream: name, total: 1 << 40})
				case i%6 == 2:
					e.Remove(ctx, name)
				case i%6 == 3:
					e.Flush(ctx)
				case i%6 == 4:
					closes(t, e.Stats())
					e.Health()
				default:
					e.Start(ctx)
					e.Remove(ctx, name)
					e.Add(name, counter{stream: name, total: 1 << 40})
				}
			})
		}
		wg.Wait()
		if err := e.Close(within(t, time.Minute)); err != nil {
			t.Errorf("Close = %v", err)
		}
		st := e.Stats()
		closes(t, st)
		if st.InFlightBytes != 0 {
			t.Errorf("%d bytes in flight", st.InFlightBytes)
		}
	}
}
