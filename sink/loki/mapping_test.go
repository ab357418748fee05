package loki

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// What is sent again has the time it had before, even if more labels than are remembered came in between, during a
// Write or after it.
func TestForgottenButForWhatIsOpen(t *testing.T) {
	f := newFake(t)
	others := func() {}
	f.answer = func(n int, _ push, w http.ResponseWriter, _ *http.Request) bool {
		if n < 2 {
			others()
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n < 2
	}
	s := newSink(t, f.URL, func(c *Config) { c.Times.TooOld = Clamp })
	round := 0
	others = func() {
		round++
		for i := range maxMappings + 7 {
			s.mappings.of(batch.MustLabels("other", fmt.Sprint(round, " ", i)))
		}
	}
	b := newBatch(shop, "old")
	b.Entries[0].Time = time.Now().Add(-1000 * time.Hour)
	for range 2 {
		if err := s.Write(t.Context(), b); err == nil {
			t.Fatal("no error")
		}
		others()
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i, p := range f.all() {
		if got, want := p.entries[0].time, f.all()[0].entries[0].time; !got.Equal(want) {
			t.Errorf("push %d: %v, before %v", i, got, want)
		}
	}
	if n := len(s.mappings.byOf); n > maxMappings {
		t.Errorf("%d are remembered", n)
	}
}

// What is open does not keep all of the memory either.
func TestOpenIsForgottenToo(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1", func(c *Config) { c.Times.Distinct = true })
	b := newBatch(shop, "x")
	for i := range 3 * maxMappings {
		m := s.mappings.of(batch.MustLabels("i", fmt.Sprint(i)))
		m.recall.replace(&draft{b: b}, allOf(b), []bool{true}, true)
		s.mappings.restore(m)
		if n := len(s.mappings.byOf); n > maxMappings {
			t.Fatalf("%d are remembered", n)
		}
	}
}
