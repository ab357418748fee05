package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

// What Drop drops is what Keep keeps, and nothing is in both or in none.
func FuzzMatch(f *testing.F) {
	f.Add("a b\nc\nlevel", "b", "level", "warn")
	f.Fuzz(func(t *testing.T, text, contains, key, value string) {
		cfg := process.MatchConfig{Contains: []string{contains}, Attrs: map[string]string{key: value}}
		drop, err := process.Drop(cfg)
		if err != nil {
			return
		}
		var items []item
		for i, line := range strings.Split(text, "\n") {
			x := item{line: line}
			if i%2 == 0 {
				x.attrs = []batch.Attr{{Key: key, Value: value}}
			}
			items = append(items, x)
		}
		others, _ := left(t, drop, items...)
		these, _ := left(t, process.Must(process.Keep(cfg)), items...)
		for i, x := range items {
			is := strings.Contains(x.line, contains) && (i%2 == 0 || value == "")
			from := &others
			if is {
				from = &these
			}
			if len(*from) == 0 || (*from)[0] != x.line {
				t.Fatalf("%q of %q is not where it should be", x.line, text)
			}
			*from = (*from)[1:]
		}
		if len(others)+len(these) > 0 {
			t.Fatalf("%q and %q are there twice", others, these)
		}
	})
}

// Entries with one key have one fate.
func FuzzSample(f *testing.F) {
	f.Add("a,b,a", 0.5)
	f.Fuzz(func(t *testing.T, keys string, rate float64) {
		s, err := process.Sample(process.SampleConfig{Rate: rate, Key: "k"})
		if err != nil {
			return
		}
		var items []item
		n := map[string]int{}
		for _, k := range strings.Split(keys, ",") {
			if k != "" {
				items = append(items, item{line: k, attrs: []batch.Attr{{Key: "k", Value: k}}})
				n[k]++
			}
		}
		kept, _ := left(t, s, items...)
		for _, k := range kept {
			n[k]--
		}
		for k, left := range n {
			if left > 0 && slices.Contains(kept, k) {
				t.Fatalf("%q was kept and dropped", k)
			}
		}
	})
}

// Whatever times entries have, no more pass than a burst and what time makes of the
// rate, and no fewer than the clock makes of it.
func FuzzRateLimit(f *testing.F) {
	f.Add([]byte{0, 255, 3, 9, 128, 0}, uint8(10))
	f.Fuzz(func(t *testing.T, steps []byte, wait uint8) {
		synctest.Test(t, func(t *testing.T) {
			const rate, burst = 10, 20
			r := process.Must(process.RateLimit(process.RateLimitConfig{Rate: rate, Burst: burst}))
			began := time.Now()
			at, first, latest := began, began, began
			passed, came := 0, 0
			for _, s := range steps {
				at = at.Add(time.Duration(int8(s)) * 997 * time.Millisecond)
				first = minTime(first, at)
				if now := time.Now(); latest.Before(at) {
					latest = minTime(at, now)
				}
				lines, _ := left(t, r, slices.Repeat([]item{{line: "x", at: at}}, 5)...)
				passed += len(lines)
				came += 5
				time.Sleep(time.Duration(wait) * time.Millisecond)
			}
			clock := time.Since(began).Seconds()
			if most := burst + rate*(clock+latest.Sub(first).Seconds()) + 1; float64(passed) > most {
				t.Errorf("%d of %d passed, more than %v", passed, came, most)
			}
			if least := min(float64(came), burst); float64(passed) < least {
				t.Errorf("%d of %d passed, fewer than %v", passed, came, least)
			}
		})
	})
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// No label is there that must not be, however labels are called.
func FuzzLabels(f *testing.F) {
	f.Add("app", "x", "a*", "new")
	f.Fuzz(func(t *testing.T, name, value, keep, rename string) {
		l, err := batch.NewLabels(map[string]string{name: value, "app": "shop"})
		if err != nil {
			return
		}
		x, err := process.Labels(process.LabelsConfig{Rename: map[string]string{name: rename}, Keep: []string{keep}})
		if err != nil {
			return
		}
		b := batchOf(item{line: "x", labels: l}, item{line: "y"})
		defer b.Settle(nil)
		if err := x.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Entries {
			for n := range b.LabelsOf(i).All() {
				if head, star := strings.CutSuffix(keep, "*"); n != keep && !(star && strings.HasPrefix(n, head)) {
					t.Errorf("%s", fmt.Sprint(b.LabelsOf(i)))
				}
			}
		}
	})
}
