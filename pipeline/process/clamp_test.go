package process_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Processor = (*process.Clamper)(nil)

func TestClamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		c := process.Must(process.Clamp(process.ClampConfig{Past: time.Hour, Future: time.Minute}))
		kept := []batch.Attr{{Key: "a", Value: "1"}}
		for _, test := range []struct {
			at, want time.Time
			clamped  bool
		}{
			{at: now, want: now},
			{at: now.Add(-time.Hour), want: now.Add(-time.Hour)},
			{at: now.Add(time.Minute), want: now.Add(time.Minute)},
			{at: now.Add(-time.Hour - 1), want: now.Add(-time.Hour), clamped: true},
			{at: now.Add(time.Minute + 1), want: now, clamped: true},
			{at: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), want: now, clamped: true},
			{at: time.Time{}, want: time.Time{}},
		} {
			b := batch.New(nil, batch.Labels{})
			b.Append(test.at, []byte("x"), kept...)
			before := b.Entries[0].Attrs
			if err := c.Process(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(kept)
			if test.clamped {
				want = append(want, batch.Attr{Key: "original_time", Value: test.at.UTC().Format("2006-01-02T15:04:05.000000000Z")})
			}
			if e := b.Entries[0]; !e.Time.Equal(test.want) || !slices.Equal(e.Attrs, want) || !slices.Equal(before, kept) {
				t.Errorf("%v: %v %v, want %v %v", test.at, e.Time, e.Attrs, test.want, want)
			}
			// A second time: there is nothing left to do.
			if err := c.Process(t.Context(), b); err != nil || !slices.Equal(b.Entries[0].Attrs, want) {
				t.Errorf("%v: %v after another turn, want %v", test.at, b.Entries[0].Attrs, want)
			}
		}
		if s := c.Stats(); s != (process.ClampStats{Early: 1, Late: 2}) {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestClampConfig(t *testing.T) {
	_, err := process.Clamp(process.ClampConfig{Past: -1, Future: -1})
	for _, field := range []string{"Past", "Future"} {
		if err == nil || !strings.Contains(err.Error(), "process: Clamp: "+field) {
			t.Errorf("%v: does not name %s", err, field)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Must let an error pass")
		}
	}()
	process.Must(process.Clamp(process.ClampConfig{Past: -1}))
}

func BenchmarkClamp(b *testing.B) {
	c := process.Must(process.Clamp(process.ClampConfig{}))
	x := batch.New(nil, batch.Labels{})
	for range 500 {
		x.Append(time.Now(), []byte("x"))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Process(context.Background(), x); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/entry")
}
