package sink_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// trips returns what was written at each of the Writes with these answers, and how long to wait after it; "." says that
// it was the last.
func trips(d *sink.Delivery, limit int, answers ...error) string {
	var said []string
	for _, err := range answers {
		if limit > 0 {
			d.Limit(limit)
		}
		idx := strings.Trim(fmt.Sprint(numbers(d.Batch())), "[]")
		wait, again := d.Done(err)
		said = append(said, idx)
		if wait > 0 {
			said[len(said)-1] += " +" + wait.String()
		}
		if !again {
			said[len(said)-1] += "."
		}
	}
	return strings.Join(said, " | ")
}

// Each entry of numbered is one byte.
func TestDeliveryInPieces(t *testing.T) {
	no, large := sink.Permanent(errDown), sink.TooLarge(errDown)
	open := sink.RetryAfter(sink.ErrBreakerOpen, 130*time.Millisecond)
	for _, test := range []struct {
		name    string
		limit   int
		answers []error
		want    string
		failed  string
	}{
		{"one after the other", 2, []error{nil, nil, nil}, "0 1 | 2 3 | 4.", "none"},
		{"one entry at least", -1, []error{nil}, "0 1 2 3 4.", "none"},
		{"what fails comes first again", 2, []error{nil, errDown, errDown, nil, errDown, nil},
			"0 1 | 2 3 +100ms | 2 3 +200ms | 2 3 | 4 +100ms | 4.", "none"},
		{"what fails in part comes first again", 2, []error{nil, partial(errDown, 1), nil}, "0 1 | 2 3 +100ms | 3 4.", "none"},
		{"a refused piece is no reason to wait", 2, []error{no, nil, partial(no, 0)}, "0 1 | 2 3 | 4.", "0! 1! 4!"},
		{"a breaker's time", 2, []error{open, open, nil, nil, nil}, "0 1 +130ms | 0 1 +130ms | 0 1 | 2 3 | 4.", "none"},
		{"too large is halved at once", 0, []error{large, large, nil, nil, nil, nil, nil}, "0 1 2 3 4 | 0 1 | 0 | 1 | 2 | 3 | 4.", "none"},
		{"one that is too large alone", 0, []error{large, nil, large, large, nil, nil}, "0 1 2 3 4 | 0 1 | 2 3 | 2 | 3 | 4.", "2!"},
		{"one that is too large among others", 0, []error{partial(large, 2), large}, "0 1 2 3 4 | 2.", "2!"},
		{"too large beside a failure", 0, []error{&sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: large}, {Index: 3, Err: errDown}}}, nil},
			"0 1 2 3 4 +100ms | 0 3.", "none"},
		{"permanently too large", 0, []error{sink.Permanent(large)}, "0 1 2 3 4.", "0! 1! 2! 3! 4!"},
		{"the smaller of two limits", 1, []error{large, nil, nil, nil, nil}, "0 | 1 | 2 | 3 | 4.", "0!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := even.Begin(numbered(5))
			if got := trips(d, test.limit, test.answers...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got := failures(d.Err()); got != test.failed {
				t.Errorf("failed: %s, want %s", got, test.failed)
			}
			if d.Batch() != nil {
				t.Error("not over")
			}
		})
	}
}

// The bounds of a retry are those of a piece, and what was too large used nothing up.
func TestDeliveryInPiecesGivesUp(t *testing.T) {
	cfg := sink.RetryConfig{Tries: 2, Jitter: -1}
	d := cfg.Begin(numbered(5))
	got := trips(d, 2, nil, errDown, errDown, errDown, nil)
	if want := "0 1 | 2 3 +100ms | 2 3 +200ms | 4 +400ms | 4."; got != want || failures(d.Err()) != "2! 3!" {
		t.Errorf("got  %s\nwant %s\n%v", got, want, d.Err())
	}
	if err := d.Failed()[0].Err; !errors.Is(err, sink.ErrGaveUp) || err.Error() != "sink: gave up after 2 tries: down" {
		t.Errorf("got %v", err)
	}
	d = cfg.Begin(numbered(4))
	large := sink.TooLarge(errDown)
	got = trips(d, 0, large, large, errDown, nil, nil, nil, nil)
	if want := "0 1 2 3 | 0 1 | 0 +100ms | 0 | 1 | 2 | 3."; got != want || d.Err() != nil {
		t.Errorf("got  %s\nwant %s\n%v", got, want, d.Err())
	}
	synctest.Test(t, func(t *testing.T) {
		d := sink.RetryConfig{MaxElapsed: time.Second, Jitter: -1}.Begin(numbered(3))
		d.Limit(1)
		time.Sleep(2 * time.Second)
		if _, again := d.Done(nil); !again {
			t.Error("over although it goes well")
		}
		if _, again := d.Done(errDown); again || failures(d.Err()) != "1! 2!" {
			t.Errorf("again = %v: %v", again, d.Err())
		}
		if err := d.Failed()[1].Err; err.Error() != "sink: gave up after 1 tries: sink: not written yet" {
			t.Errorf("got %v", err)
		}
	})
}

// Of each entry that is left the error of its last attempt is told, whatever it was part of then.
func TestDeliveryInPiecesPending(t *testing.T) {
	d := even.Begin(numbered(4))
	other := errors.New("other")
	check := func(want string) {
		t.Helper()
		var got []string
		for _, f := range d.Pending() {
			got = append(got, fmt.Sprintf("%d %v", f.Index, f.Err))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("pending: %s, want %s", s, want)
		}
	}
	d.Limit(1)
	check("")
	d.Done(nil)
	check("1 sink: not written yet, 2 sink: not written yet, 3 sink: not written yet")
	d.Done(errDown)
	check("1 down, 2 sink: not written yet, 3 sink: not written yet")
	d.Limit(0)
	d.Done(other)
	check("1 other, 2 other, 3 other")
	d.Limit(2)
	d.Interrupted(partial(errDown, 1))
	check("2 down, 3 other")
}

// A batch that needs no pieces costs nothing more, and a piece no copy of what is in it.
func TestDeliveryInPiecesAllocs(t *testing.T) {
	full := numbered(1000)
	if got := testing.AllocsPerRun(100, func() {
		d := even.Begin(full)
		d.Limit(1 << 20)
		d.Done(nil)
	}); got > 1 {
		t.Errorf("%v allocations, want that of the Delivery", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		d := even.Begin(full)
		for d.Batch() != nil {
			d.Limit(289)
			d.Done(nil)
		}
	}); got > 21 { // one by Done, and the other by Limit, which knows better
		t.Errorf("%v allocations for ten pieces", got)
	}
}

// Where pieces are cut: at the bytes, never before the first entry, and those of no bytes are not for ever in one.
func TestDeliveryCut(t *testing.T) {
	of := func(sizes ...int) *batch.Batch {
		b := batch.New(nil, batch.Labels{})
		for _, n := range sizes {
			b.Append(base, make([]byte, n))
		}
		b.Retain(1)
		return b
	}
	for _, test := range []struct {
		sizes []int
		limit int
		want  []int
	}{
		{[]int{3, 3, 3, 3}, 6, []int{2, 2}},
		{[]int{3, 3, 3, 3}, 5, []int{1, 1, 1, 1}},
		{[]int{9, 1, 1, 9}, 4, []int{1, 2, 1}},
		{[]int{3, 3}, 6, []int{2}},
		{[]int{0, 0, 0, 0}, 2, []int{2, 2}},
		{[]int{3, 3}, 0, []int{2}},
		{[]int{3, 3}, -5, []int{2}},
	} {
		d := even.Begin(of(test.sizes...))
		var got []int
		for d.Limit(test.limit); d.Batch() != nil; d.Done(nil) {
			got = append(got, len(d.Batch().Entries))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v at %d: %v, want %v", test.sizes, test.limit, got, test.want)
		}
	}
	d := even.Begin(of())
	d.Limit(1)
	if d.Batch() == nil {
		t.Error("nothing to write of a batch of nothing")
	}
	d = even.Begin(of(0, 0, 0, 0))
	for range 3 {
		d.Done(sink.TooLarge(errDown))
	}
	if got := failures(d.Err()); got != "0!" {
		t.Errorf("too large, of nothing: %s", got)
	}
}

// Whatever the limits and the answers: each entry is taken once or failed for good with its reason, and what a piece left
// is written before anything behind it.
func TestDeliveryInPiecesProperty(t *testing.T) {
	for seed := range uint64(3000) {
		m := newModel(t, seed, "sink", int(seed%20))
		m.pieces = true
		n := 1 + m.rnd.IntN(16)
		d := sink.RetryConfig{}.Begin(numbered(n))
		for again := true; again; {
			if m.rnd.IntN(2) == 0 {
				d.Limit(m.rnd.IntN(12))
			}
			idx := numbers(d.Batch())
			err := m.Write(t.Context(), d.Batch())
			for i := range idx[0] {
				if m.taken[i] == 0 && !m.refused[i] {
					t.Errorf("seed %d: %v written before %d", seed, idx, i)
				}
			}
			var wait time.Duration
			wait, again = d.Done(err)
			if class, _ := sink.ClassOf(t.Context(), err, len(idx)); class == batch.Failed && again && wait == 0 {
				t.Errorf("seed %d: no wait after %v", seed, err)
			}
		}
		permanent, pending := listed(t, seed, d.Err(), n)
		for i := range n {
			if lost := slices.Contains(permanent, i); m.taken[i] > 1 || m.taken[i] == 1 == lost || lost != m.refused[i] {
				t.Errorf("seed %d: entry %d: taken %d times, refused %v, said to be lost: %v", seed, i, m.taken[i], m.refused[i], lost)
			}
		}
		if len(pending) > 0 {
			t.Errorf("seed %d: %v without a mark", seed, pending)
		}
		if t.Failed() {
			return
		}
	}
}
