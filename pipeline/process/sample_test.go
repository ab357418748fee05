package process_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

// Whatever the rate, so many are kept, evenly, over batches and goroutines.
func TestSampleByRate(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 0.333, 0.01, 0.97} {
		s := process.Must(process.Sample(process.SampleConfig{Rate: rate, Attr: "rate"}))
		if rate == 0 {
			rate = 0.1
		}
		const n = 1000
		var kept []string
		for i := range n / 10 {
			var items []item
			for k := range 10 {
				items = append(items, item{line: fmt.Sprint(10*i + k)})
			}
			lines, drops := left(t, s, items...)
			if kept = append(kept, lines...); len(lines) < 10 && !slices.Equal(drops, []batch.Dropped{{Reason: "sampled", Entries: 10 - len(lines)}}) {
				t.Fatalf("%d of 10 are left, counted %v", len(lines), drops)
			}
			if want := rate * float64(10*i+10); math.Abs(float64(len(kept))-want) > 1 {
				t.Fatalf("rate %v: %d of %d are kept", rate, len(kept), 10*i+10)
			}
		}
		b := batchOf(slices.Repeat([]item{{line: "x", attrs: []batch.Attr{{Key: "a"}}}}, 100)...)
		if err := s.Process(t.Context(), b); err != nil || len(b.Entries) == 0 {
			t.Fatal(err)
		}
		if want := []batch.Attr{{Key: "a"}, {Key: "rate", Value: fmt.Sprint(rate)}}; !slices.Equal(b.Entries[0].Attrs, want) {
			t.Errorf("%v, want %v", b.Entries[0].Attrs, want)
		}
	}
}

// What belongs together stays together, in whatever process; a lower rate keeps a
// part of what a higher one does; and what is bad is kept.
func TestSampleByKey(t *testing.T) {
	low := process.Must(process.Sample(process.SampleConfig{Rate: 0.1, Key: "trace", Always: process.SeverityError}))
	high := process.Must(process.Sample(process.SampleConfig{Rate: 0.3, Key: "trace"}))
	var items []item
	const traces = 5000
	for i := range traces {
		items = append(items, item{line: fmt.Sprint(i), attrs: []batch.Attr{{Key: "trace", Value: fmt.Sprintf("%032x", i)}}})
	}
	few, _ := left(t, low, items...)
	again, _ := left(t, low, items...)
	many, _ := left(t, high, items...)
	if !slices.Equal(few, again) {
		t.Error("another time, another choice")
	}
	if n := len(few); n < traces/10*8/10 || n > traces/10*12/10 {
		t.Errorf("%d of %d are kept at 0.1", n, traces)
	}
	if n := len(many); n < traces*3/10*8/10 || n > traces*3/10*12/10 {
		t.Errorf("%d of %d are kept at 0.3", n, traces)
	}
	for _, line := range few {
		if !slices.Contains(many, line) {
			t.Errorf("%s is kept at 0.1 and not at 0.3", line)
		}
	}
	if !slices.Equal(few[:5], []string{"5", "6", "9", "11", "17"}) { // as other processes have it
		t.Errorf("the choice is not what it was: %v", few[:5])
	}
	for i := range items {
		items[i].attrs = append(items[i].attrs, batch.Attr{Key: "level", Value: "error"})
		items[i].labels = batch.MustLabels("trace", "of no matter")
	}
	if all, _ := left(t, low, items...); len(all) != traces {
		t.Errorf("%d of %d errors are kept", len(all), traces)
	}
}

func TestSampleConfig(t *testing.T) {
	for _, rate := range []float64{-1, 1, math.NaN(), math.Inf(1)} {
		_, err := process.Sample(process.SampleConfig{Rate: rate, Always: 99})
		names(t, err, "process: Sample: Rate", "process: Sample: Always")
	}
}

func BenchmarkSample(b *testing.B) {
	b.Run("rate", func(b *testing.B) {
		benchProcess(b, process.Must(process.Sample(process.SampleConfig{})), hadoop)
	})
	b.Run("key", func(b *testing.B) {
		bench(b, process.Must(process.Sample(process.SampleConfig{Rate: 0.999999, Key: "trace"})), hadoop,
			batch.Attr{Key: "trace", Value: "4bf92f3577b34da6a3ce929d0e0e4736"})
	})
}
