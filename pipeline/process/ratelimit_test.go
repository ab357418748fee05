package process_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

// feed has n batches of so many entries go through a processor, written at so much
// from each other, from first on; after each it waits. It returns how many are left.
func feed(t *testing.T, p *process.RateLimiter, n, each int, first time.Time, apart, wait time.Duration) (passed int) {
	for i := range n {
		var items []item
		for k := range each {
			at := first
			if !at.IsZero() {
				at = at.Add(time.Duration(i*each+k) * apart)
			}
			items = append(items, item{line: "x", at: at})
		}
		lines, drops := left(t, p, items...)
		if passed += len(lines); len(lines) < each && !slices.Equal(drops, []batch.Dropped{{Reason: "rate_limited", Entries: each - len(lines)}}) {
			t.Fatalf("%d of %d passed, counted %v", len(lines), each, drops)
		}
		time.Sleep(wait)
	}
	return passed
}

// However entries come, so many a second pass, and a burst.
func TestRateLimit(t *testing.T) {
	const rate, burst = 100, 50
	for name, test := range map[string]struct {
		n, each     int
		old         time.Duration // how long ago the first was written
		apart, wait time.Duration
		zero        bool
		want        int
	}{
		"slow enough":         {n: 200, each: 10, apart: 11 * time.Millisecond, wait: 110 * time.Millisecond, want: 2000},
		"at once":             {n: 10, each: 100, apart: time.Nanosecond, want: burst},
		"live":                {n: 100, each: 100, apart: time.Millisecond, wait: 100 * time.Millisecond, want: burst + 10*rate},
		"live, in long turns": {n: 10, each: 1000, old: time.Second, apart: time.Millisecond, wait: time.Second, want: burst + 10*rate},
		"without times":       {n: 100, each: 100, wait: 100 * time.Millisecond, zero: true, want: burst + 10*rate},
		"an hour late":        {n: 100, each: 1000, old: time.Hour, apart: time.Millisecond, want: burst + 100*rate},
		"back in time":        {n: 100, each: 100, apart: -time.Millisecond, wait: 100 * time.Millisecond, want: burst + 10*rate},
		"the same time":       {n: 100, each: 100, wait: 100 * time.Millisecond, want: burst + 10*rate},
		"in a far future":     {n: 100, each: 100, old: -1e6 * time.Hour, apart: time.Hour, wait: 100 * time.Millisecond, want: burst + 10*rate},
		"in a far past":       {n: 100, each: 100, old: 1e6 * time.Hour, apart: time.Microsecond, wait: 100 * time.Millisecond, want: burst + 10*rate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: rate, Burst: burst}))
				first := time.Now().Add(-test.old)
				if test.zero {
					first = time.Time{}
				}
				passed := feed(t, r, test.n, test.each, first, test.apart, test.wait)
				if math.Abs(float64(passed-test.want)) > float64(test.want)/10 {
					t.Errorf("%d of %d passed, want %d", passed, test.n*test.each, test.want)
				}
			})
		})
	}
}

// After an outage, what was read late does not make the clock count twice, nor
// stand still for long; and times that stood still for long count again.
func TestRateLimitAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 10, Burst: 10}))
		if n := feed(t, r, 60, 600, time.Now().Add(-time.Hour), 100*time.Millisecond, 0); n < 36_000-10 {
			t.Errorf("%d passed of the hour that was read at once", n)
		}
		if n := feed(t, r, 600, 100, time.Now().Add(-time.Minute), 0, time.Second); n < 6000-10*61 || n > 6000+10 {
			t.Errorf("%d passed in ten minutes without times", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 10, Burst: 10}))
		began := time.Now()
		feed(t, r, 3600, 20, began, 0, time.Second)
		if n := feed(t, r, 60, 600, began, 100*time.Millisecond, 0); n < 36_000-10*61 {
			t.Errorf("%d passed of the hour that was read at once", n)
		}
	})
}

func TestRateLimitPerStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := func(n int) batch.Labels { return batch.MustLabels("n", fmt.Sprint(n)) }
		items := func(n, each int) (all []item) {
			for k := range each {
				for i := range n {
					all = append(all, item{line: fmt.Sprint(k), labels: stream(i), attrs: []batch.Attr{{Key: "level", Value: "info"}}})
				}
			}
			return all
		}
		r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1, Burst: 3, MaxStreams: 4, Attr: "not_passed"}))
		if lines, _ := left(t, r, items(3, 5)...); len(lines) != 3*3 {
			t.Errorf("%d passed of three streams", len(lines))
		}
		if lines, _ := left(t, r, items(10, 5)...); len(lines) != 3+3 { // the fourth, and six that share
			t.Errorf("%d passed of ten streams of which there is one limit more, and one for the others", len(lines))
		}
		time.Sleep(7 * time.Second)
		b := batchOf(items(1, 1)...)
		if err := r.Process(t.Context(), b); err != nil || len(b.Entries) != 1 {
			t.Fatal(err, len(b.Entries))
		}
		if want := []batch.Attr{{Key: "level", Value: "info"}, {Key: "not_passed", Value: "7"}}; !slices.Equal(b.Entries[0].Attrs, want) {
			t.Errorf("%v, want %v", b.Entries[0].Attrs, want)
		}
		// The limits of streams that are silent are free for others, also if they were
		// too fast before.
		quiet := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1, Burst: 3, MaxStreams: 4}))
		for i := range 40 {
			x := item{line: "x", labels: stream(i)}
			if lines, _ := left(t, quiet, x, x, x, x); len(lines) != 3 {
				t.Fatalf("%d passed of stream %d", len(lines), i)
			}
			time.Sleep(1300 * time.Millisecond)
		}
		// By one label, or attribute; and what is bad passes.
		by := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1, Burst: 3, By: "level", Always: process.SeverityError}))
		more := append(items(10, 5), item{line: "x", attrs: []batch.Attr{{Key: "level", Value: "error"}}}, item{line: "x"})
		if lines, _ := left(t, by, more...); len(lines) != 3+1+1 {
			t.Errorf("%d passed of one level", len(lines))
		}
	})
}

// Goroutines with streams in common never let pass too many.
func TestRateLimitConcurrently(t *testing.T) {
	r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1e-9, Burst: 100, MaxStreams: 3}))
	var passed [4]int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				b := batchOf(slices.Repeat([]item{{line: "x", labels: batch.MustLabels("n", fmt.Sprint(i%4))}}, 20)...)
				if err := r.Process(t.Context(), b); err != nil {
					t.Error(err)
				}
				mu.Lock()
				passed[i%4] += len(b.Entries)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if passed != [4]int{100, 100, 100, 100} {
		t.Errorf("%d passed", passed)
	}
}

func TestRateLimitConfig(t *testing.T) {
	_, err := process.RateLimit(process.RateLimitConfig{Rate: -1, Burst: -1, MaxStreams: -1, Always: 99})
	names(t, err, "RateLimit: Rate", "RateLimit: Burst", "RateLimit: MaxStreams", "RateLimit: Always")
	for _, rate := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := process.RateLimit(process.RateLimitConfig{Rate: rate}); err == nil {
			t.Errorf("%v is a rate", rate)
		}
	}
	if _, err := process.RateLimit(process.RateLimitConfig{Rate: 1e300}); err != nil {
		t.Error(err)
	}
}

func BenchmarkRateLimit(b *testing.B) {
	bench(b, process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1e12})), hadoop)
}
