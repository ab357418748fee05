package sink_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// While a destination comes and goes, each stream arrives in order, whether its entries went there directly or by the
// disk, and nothing twice.
func TestSpillKeepsStreamsInOrder(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprint("direct=", direct), func(t *testing.T) {
			const streams, each = 6, 300
			to := &memory{down: true}
			r := startSpill(t, to, sink.SpillConfig{Direct: direct, MaxInFlight: 3})
			stop, flips := make(chan struct{}), make(chan int)
			go func() {
				n := 0
				for {
					select {
					case <-stop:
						to.set(func() { to.down = false })
						flips <- n
						return
					case <-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond):
						n++
						to.set(func() { to.down = n%2 == 1 })
					}
				}
			}()
			var writers sync.WaitGroup
			for i := range streams {
				writers.Go(func() {
					for n := range each {
						b := batch.New(nil, batch.MustLabels("stream", fmt.Sprint(i)))
						b.Append(base, fmt.Append(nil, n))
						if err := r.Write(t.Context(), b); err != nil {
							t.Error(err)
						}
						if n%10 == 0 && direct { // let the queue run empty now and then
							if err := r.Drain(t.Context()); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			writers.Wait()
			close(stop)
			changes := <-flips
			r.drain()
			next := map[batch.Labels]int{}
			for _, e := range to.held {
				if string(e.Line) != fmt.Sprint(next[e.Labels]) {
					t.Fatalf("%v: %s, want %d", e.Labels, e.Line, next[e.Labels])
				}
				next[e.Labels]++
			}
			st := r.Stats()
			t.Logf("%d entries, %d of them directly, %d changes of the destination", len(to.held), st.Direct, changes)
			if len(to.held) != streams*each || direct && (st.Direct == 0 || st.Queued == 0) {
				t.Errorf("%d entries delivered; %+v", len(to.held), st)
			}
		})
	}
}
