package sink_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// OnState may ask for the state, is not called concurrently or out of order, and may panic.
func TestBreakerOnState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b sink.Sink
		var said []string
		fail := false
		answer := errDown
		b = sink.Breaker(sink.Func(func(context.Context, *batch.Batch) error { return answer }), sink.BreakerConfig{
			Failures: 1,
			OnState: func(from, to sink.State) {
				now := b.(sink.BreakerStater).BreakerState()
				said = append(said, fmt.Sprintf("%v to %v, now %v", from, to, now))
				if fail {
					panic("no")
				}
			},
		})
		b.Write(t.Context(), numbered(1))
		time.Sleep(5*time.Second + time.Millisecond)
		answer, fail = nil, true
		wantPanic(t, "no", func() { b.Write(t.Context(), numbered(1)) }) // before the Write itself
		fail = false
		b.Write(t.Context(), numbered(1))
		want := "closed to open, now open; open to half-open, now half-open; half-open to closed, now closed"
		if got := strings.Join(said, "; "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// While OnState is busy with one change, others wait for it, in order; nobody waits for OnState.
func TestBreakerOnStateBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := make(chan struct{})
		var said []string
		p := newPatient(sink.BreakerConfig{})
		p.Sink = sink.Breaker(sink.Func(func(ctx context.Context, _ *batch.Batch) error { return p.answer(ctx) }), sink.BreakerConfig{
			Failures: 1,
			OnState: func(from, to sink.State) {
				said = append(said, from.String()+" to "+to.String())
				<-busy
			},
		})
		go p.write(t) // trips, and is held up
		synctest.Wait()
		time.Sleep(5*time.Second + time.Millisecond)
		p.is(t, sink.HalfOpen)
		p.fails(nil)
		p.write(t)
		p.is(t, sink.Closed)
		if len(said) != 1 {
			t.Errorf("told %v while it was busy", said)
		}
		close(busy)
		synctest.Wait()
		if want := []string{"closed to open", "open to half-open", "half-open to closed"}; !slices.Equal(said, want) {
			t.Errorf("told %v", said)
		}
	})
}

func TestState(t *testing.T) {
	for s, want := range map[sink.State]string{sink.Closed: "closed", sink.HalfOpen: "half-open", sink.Open: "open", 7: "State(7)"} {
		if got := s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	var zero sink.State
	if zero != sink.Closed {
		t.Error("the zero State is not Closed")
	}
}
