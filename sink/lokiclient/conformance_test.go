package lokiclient

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/sinktest"
)

// TestConformance: the whole contract holds while the server takes what it acknowledges, and closes the connections that the
// client leaves behind: the server of each check ends before the kit looks for goroutines.
func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		f := newFake(t)
		var broken atomic.Bool
		var stalled atomic.Pointer[chan struct{}]
		f.answer = func(_ int, _ received, w http.ResponseWriter, r *http.Request) bool {
			if c := stalled.Load(); c != nil {
				select {
				case <-*c:
				case <-r.Context().Done():
				}
				http.Error(w, "empty ring", http.StatusInternalServerError)
				return true
			}
			if broken.Load() {
				http.Error(w, "empty ring", http.StatusInternalServerError)
				return true
			}
			return false
		}
		s, err := New(f.config(t))
		if err != nil {
			t.Fatal(err)
		}
		return sinktest.Target{
			Sink:      s,
			Delivered: f.entries,
			Stored:    func(e *batch.Entry) { e.Time = e.Time.UTC() },
			Break: func() func() {
				broken.Store(true)
				return func() { broken.Store(false) }
			},
			Stall: func() func() {
				c := make(chan struct{})
				stalled.Store(&c)
				return func() {
					stalled.Store(nil)
					close(c)
				}
			},
			Patience: 10 * time.Second,
		}
	})
}
