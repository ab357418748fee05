package loki

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/sinktest"
)

func TestConformance(t *testing.T) {
	t.Run("exact", func(t *testing.T) { conforms(t, newFake, Config{}) })
	t.Run("packed", func(t *testing.T) { conforms(t, newFake, Config{Packed: true}) })
	t.Run("HTTP2", func(t *testing.T) { conforms(t, newHTTP2Fake, overHTTP2) })
}

func conforms(t *testing.T, made func(testing.TB) *fakeLoki, cfg Config) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		f := made(t)
		f.packed = cfg.Packed
		cfg.URL = f.URL
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
			Sink:      newSinkUnclosed(t, cfg),
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
			Stored: func(e *batch.Entry) { e.Time = e.Time.UTC() },
		}
	})
}

// newSinkUnclosed is for those who close the Sink themselves.
func newSinkUnclosed(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
