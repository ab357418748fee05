package source

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
)

// untimed returns a batch of n entries without a time.
func untimed(n int) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	for range n {
		b.Append(time.Time{}, []byte("same"))
	}
	return b
}

func TestClockStrictlyIncreases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Clock
		start := time.Now()
		b := untimed(3)
		c.stamp(b)
		for i := range b.Entries {
			if got, want := b.Entries[i].Time, start.Add(time.Duration(i)); !got.Equal(want) {
				t.Errorf("entry %d has %v, want %v", i, got, want)
			}
		}
		// The present has not moved on, so the next batch goes on from there.
		b = untimed(1)
		c.stamp(b)
		if got, want := b.Entries[0].Time, start.Add(3); !got.Equal(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		time.Sleep(4700 * time.Microsecond)
		b = untimed(1)
		c.stamp(b)
		if got := b.Entries[0].Time; !got.Equal(time.Now()) {
			t.Errorf("got %v, want the present", got)
		}
	})
}

// A clock that was set back does not take the streams with it.
func TestClockSetBack(t *testing.T) {
	ahead := time.Now().Add(time.Hour).Round(0)
	c := Clock{last: ahead.UnixNano()}
	b := untimed(2)
	c.stamp(b)
	for i, want := range []time.Time{ahead.Add(1), ahead.Add(2)} {
		if got := b.Entries[i].Time; !got.Equal(want) {
			t.Errorf("entry %d has %v, want %v", i, got, want)
		}
	}
}

func TestClockLeavesOwnTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Clock
		now := time.Now()
		past, future := now.Add(-time.Hour), now.Add(time.Hour)
		b := untimed(5)
		b.Entries[0].Time = future
		b.Entries[2].Time = past
		b.Entries[4].Time = future
		c.stamp(b)
		for i, want := range []time.Time{future, now, past, now.Add(1), future} {
			if got := b.Entries[i].Time; !got.Equal(want) {
				t.Errorf("entry %d has %v, want %v", i, got, want)
			}
		}
		// A time from the future is its line's own affair.
		b = untimed(1)
		c.stamp(b)
		if got, want := b.Entries[0].Time, now.Add(2); !got.Equal(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		c.stamp(batch.New(nil, batch.Labels{}))
	})
}

func TestClockTimesCanBeCompared(t *testing.T) {
	var c Clock
	b := untimed(1)
	c.stamp(b)
	if got := b.Entries[0].Time; got != got.Round(0) {
		t.Errorf("%v has a monotonic reading, which makes equal times differ under ==", got)
	}
}

// One clock serves many streams: no two entries get the same time, and those of
// a batch are in one piece.
func TestClockShared(t *testing.T) {
	var c Clock
	var mu sync.Mutex
	seen := map[time.Time]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				b := untimed(10)
				c.stamp(b)
				mu.Lock()
				for i := range b.Entries {
					at := b.Entries[i].Time
					if seen[at] {
						t.Errorf("%v was given twice", at)
					}
					seen[at] = true
					if i > 0 && !at.Equal(b.Entries[i-1].Time.Add(1)) {
						t.Error("another batch got in between")
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func BenchmarkClock(b *testing.B) {
	var c Clock
	x := untimed(500)
	b.ReportAllocs()
	for b.Loop() {
		for i := range x.Entries {
			x.Entries[i].Time = time.Time{}
		}
		c.stamp(x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/entry")
}
