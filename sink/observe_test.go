package sink_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []batch.Outcome
		s := sink.Observe(sink.Func(func(ctx context.Context, b *batch.Batch) error {
			time.Sleep(time.Duration(len(b.Entries)) * time.Second)
			return errDown
		}), func(o batch.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, o)
		})
		var wg sync.WaitGroup
		for _, n := range []int{3, 7} {
			wg.Go(func() {
				time.Sleep(time.Duration(n) * time.Millisecond) // one after the other
				if err := s.Write(t.Context(), numbered(n)); err != errDown {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		want := []batch.Outcome{
			{Entries: 3, Bytes: 3, InFlight: 1, Took: 3 * time.Second, Err: errDown},
			{Entries: 7, Bytes: 7, InFlight: 2, Took: 7 * time.Second, Err: errDown},
		}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("observed %+v, want %+v", got, want)
		}
	})
}

// A Write that does not return is observed, and is in flight no more.
func TestObserveUnreturned(t *testing.T) {
	var got []batch.Outcome
	end := func() { panic("no") }
	s := sink.Observe(sink.Func(func(context.Context, *batch.Batch) error { end(); return nil }), func(o batch.Outcome) { got = append(got, o) })
	wantPanic(t, "no", func() { s.Write(t.Context(), numbered(1)) })
	end = runtime.Goexit
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Write(t.Context(), numbered(1))
	}()
	<-done
	end = func() {}
	if err := s.Write(t.Context(), numbered(1)); err != nil {
		t.Error(err)
	}
	if len(got) != 3 || got[0].Err == nil || got[1].Err == nil || got[2].Err != nil {
		t.Fatalf("observed %+v", got)
	}
	for _, o := range got {
		if o.InFlight != 1 {
			t.Errorf("in flight: %d", o.InFlight)
		}
	}
}
