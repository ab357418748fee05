package loki

import (
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// What is too far behind what was delivered has requests of its own, and if the stream has been fast, each entry has one:
// whatever Loki does with it then, its answer conceals nothing.
func TestLateEntriesGoApart(t *testing.T) {
	for name, c := range map[string]struct {
		fast  bool
		times Times
		want  string
	}{
		"slow":                {false, Times{}, "[2 3]"},
		"fast":                {true, Times{}, "[1 1 3]"},
		"slow, with Distinct": {false, Times{Distinct: true}, "[2 3]"},
		"fast, with Distinct": {true, Times{Distinct: true}, "[1 1 3]"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := newSink(t, f.URL, func(cfg *Config) { cfg.Times = c.times })
			newest := start.Add(30 * time.Second)
			first := batch.New(nil, shop)
			first.Append(newest, []byte("newest"))
			if c.fast {
				for i := range 8 {
					first.Append(newest.Add(-time.Duration(i+1)*time.Second), make([]byte, 100<<10))
				}
			}
			if err := s.Write(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			before := len(f.all())
			b := batch.New(nil, shop)
			for _, behind := range []time.Duration{62, 61, 60, 59, 30} {
				b.Append(newest.Add(-behind*time.Minute), fmt.Append(nil, int(behind), " minutes"))
			}
			if err := s.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, p := range f.all()[before:] {
				got = append(got, len(p.entries))
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("requests of %v entries, want %s", got, c.want)
			}
		})
	}
}
