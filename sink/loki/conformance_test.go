package loki

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/sinktest"
)

func TestConformance(t *testing.T) {
	conform(t, func(t testing.TB) (*fakeLoki, *Sink) {
		f := newFake(t)
		return f, newSinkUnclosed(t, f.URL)
	})
}

// conform holds what made makes against the contract of a sink.
func conform(t *testing.T, made func(t testing.TB) (*fakeLoki, *Sink)) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		f, s := made(t)
		var broken atomic.Bool
		var stalled atomic.Pointer[chan struct{}]
		f.answer = func(_ int, _ push, w http.ResponseWriter, r *http.Request) bool {
			if c := stalled.Load(); c != nil {
				select {
				case <-*c:
				case <-r.Context().Done():
				}
				return true
			}
			if broken.Load() {
				http.Error(w, "empty ring", http.StatusInternalServerError)
				return true
			}
			return false
		}
		return sinktest.Target{
			Sink:      s,
			Delivered: f.entries,
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
			Stored:   func(e *batch.Entry) { e.Time = e.Time.UTC() },
			Patience: 10 * time.Second,
		}
	})
}

// newSinkUnclosed is for those who close the Sink themselves.
func newSinkUnclosed(t testing.TB, url string) *Sink {
	t.Helper()
	s, err := New(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
