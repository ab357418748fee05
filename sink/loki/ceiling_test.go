package loki

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// What was too large makes requests half as large, and twice as large again when that is long ago.
func TestCeiling(t *testing.T) {
	const limit = 1 << 20
	var c ceiling
	now := start
	size := func(when string, want int) {
		t.Helper()
		if got := c.request(limit, now); got != want {
			t.Errorf("%s: %d bytes, want %d", when, got, want)
		}
	}
	size("at first", limit)
	c.refused(limit, limit, now)
	size("refused", limit/2)
	c.refused(limit/2, limit, now)
	c.refused(limit, limit, now) // one that was under way
	size("refused again", limit/4)
	c.refused(999, limit, now)
	size("refused far below", limit>>maxShrink)
	now = now.Add(regrow - 1)
	size("a while after", limit>>maxShrink)
	c.refused(limit>>maxShrink, limit, now)
	now = now.Add(regrow - 1)
	size("a while after that was confirmed", limit>>maxShrink)
	for n := maxShrink - 1; n >= 0; n-- {
		now = now.Add(regrow)
		size("long after", limit>>n)
	}
	if c.most != 0 {
		t.Errorf("%d is left", c.most)
	}
	c.refused(limit, limit, now)
	now = now.Add(-time.Hour)
	size("after the clock was set back", limit/2)
}

// Only the first batch pays for finding out how large a request may be, with one stream in it or several, and a line
// that is too large alone makes nobody else's requests smaller.
func TestTooLargeIsRemembered(t *testing.T) {
	for _, packed := range []bool{false, true} {
		f := newFake(t)
		f.packed = packed
		refused := 0
		f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
			if p.raw <= 20_000 {
				return false
			}
			refused++
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return true
		}
		s := newSink(t, f.URL, func(c *Config) { c.Packed = packed })
		if err := s.Write(t.Context(), newBatch(shop, strings.Repeat("x", 30_000))); !sink.IsPermanent(err) || s.ceiling.most != 0 {
			t.Errorf("packed %v: ceiling %d: %v", packed, s.ceiling.most, err)
		}
		write := func() (found int) {
			refused = 0
			b := newBatch(shop, numbered(6000)...)
			for i := range b.Entries {
				if i%2 == 0 {
					b.Entries[i].Labels = batch.MustLabels("app", "other")
				}
			}
			if err := s.Write(t.Context(), b); err != nil {
				t.Error(err)
			}
			return refused
		}
		first := write()
		for range 3 {
			if n := write(); first == 0 || n > 0 {
				t.Errorf("packed %v: %d requests were too large at first, and %d later", packed, first, n)
			}
		}
	}
}

// A Write that has made all the requests it may leaves the rest to be sent in smaller pieces, at once.
func TestTooLargeForOneWrite(t *testing.T) {
	f := newFake(t)
	f.answer = func(_ int, p push, w http.ResponseWriter, _ *http.Request) bool {
		if p.raw > 300 {
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	}
	s := newSink(t, f.URL)
	err := s.Write(t.Context(), newBatch(shop, numbered(3000)...))
	if class, _ := sink.ClassOf(t.Context(), err, 3000); class != batch.TooLarge || !strings.Contains(err.Error(), "64 requests were not enough") {
		t.Errorf("class %v: %v", class, err)
	}
}
