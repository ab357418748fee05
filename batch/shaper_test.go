package batch

import (
	"testing"
	"time"
)

func TestFixed(t *testing.T) {
	for _, c := range []struct{ in, want Limits }{
		{Limits{}, Limits{MaxBytes: 1 << 20, MaxEntries: 10_000, MaxWait: 200 * time.Millisecond}},
		{Limits{MaxBytes: 5}, Limits{MaxBytes: 5, MaxEntries: 10_000, MaxWait: 200 * time.Millisecond}},
		{Limits{MaxBytes: 1, MaxEntries: 2, MaxWait: 3, InFlight: 4}, Limits{MaxBytes: 1, MaxEntries: 2, MaxWait: 3, InFlight: 4}},
		{Limits{MaxBytes: -1, MaxEntries: -1, MaxWait: -1}, Limits{MaxBytes: 1 << 20, MaxEntries: 10_000, MaxWait: -1}},
	} {
		s := Fixed(c.in)
		s.Observe(Outcome{Entries: 1})
		if got := s.Limits(State{Backlog: 1 << 30}); got != c.want {
			t.Errorf("Fixed(%+v) = %+v, want %+v", c.in, got, c.want)
		}
	}
}
