package loki

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// Entries of one stream that have different labels beside take turns: none puts another too far behind, however far apart
// they are, and nothing is sent past what is worth a retry.
func TestSharedStream(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"exact":    func(*Config) {},
		"packed":   func(c *Config) { c.Packed = true },
		"distinct": func(c *Config) { c.Times.Distinct = true },
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 7))
			f, m := newMasking(t)
			inner := f.answer
			f.answer = func(n int, p push, w http.ResponseWriter, r *http.Request) bool {
				if rnd.IntN(10) == 0 {
					fixedAnswer{503, "busy", nil}.give(w)
					return true
				}
				return inner(n, p, w, r)
			}
			s := newSink(t, f.URL, change, func(c *Config) { c.StreamLabels = []string{"app"} })
			for range 20 {
				b := batch.New(nil, batch.Labels{})
				for i := range 1 + rnd.IntN(80) {
					// Within a day, up to now.
					b.Append(start.Add(-time.Duration(rnd.Int64N(int64(24*time.Hour)))), fmt.Append(nil, "line ", i))
					b.Entries[i].Labels = batch.MustLabels("app", fmt.Sprint(rnd.IntN(3)), "pod", fmt.Sprint(rnd.IntN(4)))
				}
				for i, err := range deliverAll(t, s, b) {
					if app := batch.MustLabels("app", b.LabelsOf(i).Get("app")); err != nil || !m.has(app, &b.Entries[i]) {
						t.Fatalf("entry %d of %v at %v: %v", i, b.LabelsOf(i), b.Entries[i].Time, err)
					}
				}
				m.mu.Lock()
				clear(m.streams) // as the next batch begins a day earlier
				m.mu.Unlock()
			}
		})
	}
}

func TestStreamOf(t *testing.T) {
	s := newSink(t, "http://127.0.0.1:1", func(c *Config) {
		c.StreamLabels, c.TenantLabel, c.TenantID = []string{"app"}, "team", "rest"
	})
	of := func(nameValue ...string) batch.Labels { return s.StreamOf(batch.MustLabels(nameValue...)) }
	if of("app", "a", "pod", "1") != of("app", "a", "pod", "2") || of("app", "a", "team", "rest") != of("app", "a") {
		t.Error("one stream has two names")
	}
	if of("app", "a") == of("app", "b") || of("app", "a", "team", "blue") == of("app", "a", "team", "red") {
		t.Error("two streams have one name")
	}
	if l := batch.MustLabels("pod", "1"); s.StreamOf(l) != l {
		t.Error("what is no stream is not named by its labels")
	}
}

// Streams that nobody shares still share a request, though others in the Write have one in common.
func TestSharedStreamLeavesOthersPacked(t *testing.T) {
	f := newFake(t)
	f.packed = true
	s := newSink(t, f.URL, packed, func(c *Config) { c.StreamLabels = []string{"app"} })
	b := spread(20, 2, "x")
	for i, pod := range []string{"1", "2"} {
		b.Append(start, []byte("common"))
		b.Entries[40+i].Labels = batch.MustLabels("app", "common", "pod", pod)
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := len(f.all()); n != 3 || len(f.lines()) != 42 {
		t.Errorf("%d requests, want one for each part of the common stream and one for all others; %d lines", n, len(f.lines()))
	}
}
