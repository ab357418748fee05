package process

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// What is remembered of lines is bounded, in number and in bytes, and so are the
// sums with the labels of entries.
func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(labelset.NewRegister(), 10)
	for i := range 5 * maxRecalled {
		key := fmt.Sprint(i)
		if i%2 == 0 {
			key += strings.Repeat("x", 4<<10)
		}
		r := m.resolve([]byte(key), []labelset.Pair{{Name: "l", Value: fmt.Sprint(i)}})
		if m.recall([]byte(key)) != r {
			t.Fatalf("%d is not remembered", i)
		}
		bytes := 0
		for key := range m.known {
			bytes += len(key)
		}
		if len(m.known) > maxRecalled || bytes > maxRecalledBytes || bytes != m.held {
			t.Fatalf("%d keys of %d bytes are remembered, and counted as %d", len(m.known), bytes, m.held)
		}
	}
	r := m.resolve([]byte("key"), []labelset.Pair{{Name: "l", Value: "1"}})
	for i := range 3 * maxBases {
		base := batch.MustLabels("base", fmt.Sprint(i))
		for range 2 {
			if got, want := r.onto(base), batch.MustLabels("base", fmt.Sprint(i), "l", "1"); got != want {
				t.Fatalf("%v, want %v", got, want)
			}
		}
		if len(r.on) > maxBases {
			t.Fatalf("%d sums are remembered", len(r.on))
		}
	}
	if got := r.onto(batch.Labels{}); got != batch.MustLabels("l", "1") {
		t.Errorf("%v", got)
	}
}

// Values are kept in small runs, none of which grows, and names are forgotten when
// there are too many.
func TestTextsAreBounded(t *testing.T) {
	var w texts
	var all []string
	for i := range 10_000 {
		all = append(all, w.keep(value{text: fmt.Append(nil, i)}, 100))
		if w.b.Cap() > 2*run {
			t.Fatalf("a run has grown to %d bytes", w.b.Cap())
		}
		if name := fmt.Sprint("n", i); w.name([]byte(name)) != name || len(w.names) > maxNames {
			t.Fatalf("%d names", len(w.names))
		}
	}
	for i, s := range all {
		if s != fmt.Sprint(i) {
			t.Fatalf("value %d has become %q", i, s)
		}
	}
	if s := w.keep(value{text: []byte(strings.Repeat("x", 3*run))}, 4*run); len(s) != 3*run {
		t.Errorf("%d bytes are kept of a value that is longer than a run", len(s))
	}
}

// A RateLimiter keeps no values, which would each keep the run it is in.
func TestRateLimitKeepsNoValues(t *testing.T) {
	const streams = 1000
	r := Must(RateLimit(RateLimitConfig{By: "user", MaxStreams: streams}))
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	for i := range streams {
		b := batch.New(nil, batch.Labels{})
		b.Append(time.Time{}, nil, batch.Attr{Key: "user", Value: fmt.Sprint(i, strings.Repeat("x", 4<<10))})
		if err := r.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Settle(nil)
	}
	if grown := heap() - before; grown > streams*2<<10 {
		t.Errorf("%d bytes are kept for each stream", grown/streams)
	}
	runtime.KeepAlive(r)
}
