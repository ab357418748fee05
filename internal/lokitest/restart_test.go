package lokitest

import (
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// TestStoppingAndStarting writes all the while that Loki is stopped, killed and started: whatever it answers then, and if
// it answers nothing, is worth a retry and never taken for a refusal, and a retry does not store anything twice.
func TestStoppingAndStarting(t *testing.T) {
	s := startProven(t)
	p := prove(t, s, "")
	to := sink.Retry(sink.Observe(p.sink, func(o batch.Outcome) {
		if o.Err != nil && class(o.Err) != open {
			t.Errorf("%s%v", class(o.Err), o.Err)
		}
	}), sink.RetryConfig{Min: 2 * time.Millisecond, Max: 5 * time.Millisecond})

	written, done, stop := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for i, err := range p.writeThrough(to, p.lines(10, 100)) {
				if err != nil {
					t.Errorf("entry %d: %v", i, err)
				}
			}
			select {
			case written <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	// batches waits until some have been delivered while Loki is running.
	batches := func(n int) {
		for range n {
			select {
			case <-written:
			case <-time.After(time.Minute):
				t.Error("nothing is delivered any more")
			}
		}
	}
	batches(20)
	s.Restart()
	batches(20)
	s.Kill()
	s.Restart()
	batches(20)
	close(stop)
	<-done
	p.check()
	if st := p.sink.Stats(); st.Statuses[0] == 0 {
		t.Errorf("Loki has always answered: %+v", st)
	} else {
		t.Logf("%d entries, %+v", len(p.owed), st)
	}
}
