package sink_test

import (
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

// Split takes out what need not wait for what failed last, and both parts go their own ways by the indices of the batch.
func TestDeliverySplit(t *testing.T) {
	no, told := sink.Permanent(errDown), sink.RetryAfter(errDown, time.Minute)
	d := even.Begin(numbered(9))
	if d.Split(func(int) bool { return true }) != nil || d.Split(func(int) bool { return false }) != nil {
		t.Error("nothing would be left of one of them")
	}
	if got := trips(d, 4, &sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: no}, {Index: 1, Err: told}, {Index: 3, Err: told}}}); got != "0 1 2 3 +1m0s" {
		t.Errorf("got %s", got)
	}
	if got := failures(&sink.PartialError{Failures: d.Held()}); got != "1 3" {
		t.Errorf("held: %s", got)
	}
	o := d.Split(func(i int) bool { return i%3 != 0 && i != 1 }) // of 1 and 3 to 8
	if o == nil {
		t.Fatal("not split")
	}
	for _, part := range []struct {
		d    *sink.Delivery
		want string
	}{{d, "1 3 6"}, {o, "4 5 7 8"}} {
		if got := failures(&sink.PartialError{Failures: part.d.Pending()}); got != part.want {
			t.Errorf("pending: %s, want %s", got, part.want)
		}
	}
	if got := failures(&sink.PartialError{Failures: d.Held()}); got != "1 3" {
		t.Errorf("held after Split: %s", got)
	}
	if got := trips(o, 3, nil, no); got != "4 5 7 | 8." || failures(o.Err()) != "8!" {
		t.Errorf("got %s: %v", got, o.Err())
	}
	if got := trips(d, 2, partial(errDown, 1), nil); got != "1 3 +100ms | 3 6." || failures(d.Err()) != "0!" {
		t.Errorf("got %s: %v", got, d.Err())
	}
	if o.Split(func(int) bool { return true }) != nil || len(o.Held()) != 0 {
		t.Error("something is left of what is over")
	}
}

// However deliveries are split, every entry is taken once or refused, and none is written while an earlier one of its
// stream waits to be written again, if all of a stream of which something is held stays.
func TestSplitProperty(t *testing.T) {
	const streams = 4
	stream := func(i int) int { return i % streams }
	parted := 0
	for seed := range uint64(2000) {
		m := newModel(t, seed, "sink", int(seed%20))
		m.pieces = seed%2 == 0
		n := 1 + m.rnd.IntN(30)
		refused := map[int]bool{}
		fate := func(i int) bool { return m.taken[i] > 0 || refused[i] }
		for under := []*sink.Delivery{even.Begin(numbered(n))}; len(under) > 0; {
			at := m.rnd.IntN(len(under))
			d := under[at]
			d.Limit(1 + m.rnd.IntN(n))
			now := numbers(d.Batch())
			for _, i := range now {
				for e := stream(i); e < i; e += streams {
					if !fate(e) && !slices.Contains(now, e) {
						t.Fatalf("seed %d: %d is written before %d", seed, i, e)
					}
				}
			}
			_, again := d.Done(m.Write(t.Context(), d.Batch()))
			for _, f := range d.Failed() {
				refused[f.Index] = true
			}
			held := map[int]bool{}
			for _, f := range d.Held() {
				held[stream(f.Index)] = true
			}
			if o := d.Split(func(i int) bool { return !held[stream(i)] }); o != nil {
				under = append(under, o)
				parted++
			}
			if !again {
				under = slices.Delete(under, at, at+1)
			}
		}
		for i := range n {
			if m.taken[i] > 1 || m.taken[i] == 1 == refused[i] || refused[i] != m.refused[i] {
				t.Fatalf("seed %d: entry %d: taken %d times, refused: %v", seed, i, m.taken[i], refused[i])
			}
		}
	}
	if parted < 1000 {
		t.Errorf("only %d splits", parted)
	}
}
