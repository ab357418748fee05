package sink_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func TestFailover(t *testing.T) {
	no := sink.Permanent(errDown)
	gaveUp := sink.Permanent(errors.Join(sink.ErrGaveUp, errDown))
	two := func(a, b error, i, j int) error {
		return &sink.PartialError{Failures: []sink.Failure{{Index: i, Err: a}, {Index: j, Err: b}}}
	}
	for _, test := range []struct {
		name          string
		first, second error
		offered       []int // to second; nil: nothing
		want          string
	}{
		{"first takes all", nil, errDown, nil, "none"},
		{"second takes all", errDown, nil, []int{0, 1, 2, 3}, "none"},
		{"first refuses all", no, nil, nil, "down"},
		{"first gave up", gaveUp, nil, []int{0, 1, 2, 3}, "none"},
		{"second takes what first did not", partial(errDown, 3, 1), nil, []int{1, 3}, "none"},
		{"but not what first refuses", two(no, errDown, 1, 3), nil, []int{3}, "1!"},
		{"nor anything if it refuses all", partial(no, 3, 1), nil, nil, "1! 3!"},
		{"first lists all", partial(errDown, 3, 2, 1, 0), partial(errDown, 2), []int{0, 1, 2, 3}, "2"},
		{"first gave up on some", two(no, gaveUp, 1, 3), nil, []int{3}, "1!"},
		{"first lists what is not there", partial(no, 4), nil, []int{0, 1, 2, 3}, "none"},
		{"both fail", errDown, io.EOF, []int{0, 1, 2, 3}, "down; then EOF"},
		{"second takes some", errDown, partial(io.EOF, 1, 2), []int{0, 1, 2, 3}, "1 2"},
		{"second takes some of some", partial(errDown, 0, 1, 3), partial(io.EOF, 0, 2), []int{0, 1, 3}, "0 3"},
		{"second takes none of some", partial(errDown, 1, 3), io.EOF, []int{1, 3}, "1 3"},
		{"second refuses", two(no, errDown, 0, 2), no, []int{2}, "0! 2"},
		{"second refuses all", errDown, no, []int{0, 1, 2, 3}, "down; then down"},
		{"second lists what is not there", partial(errDown, 1, 3), partial(no, 2), []int{1, 3}, "1 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, second := &script{answers: []error{test.first}}, &script{answers: []error{test.second}}
			err := sink.Failover(first, second).Write(t.Context(), numbered(4))
			if got := failures(err); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			first.want(t, []int{0, 1, 2, 3})
			if test.offered == nil {
				second.want(t)
			} else {
				second.want(t, test.offered)
			}
		})
	}
}

// What becomes of an entry that both failed to take.
func TestFailoverMarks(t *testing.T) {
	no := sink.Permanent(errDown)
	gaveUp := sink.Permanent(errors.Join(sink.ErrGaveUp, errDown))
	wait := func(d time.Duration) error { return sink.RetryAfter(io.EOF, d) }
	for _, test := range []struct {
		name          string
		first, second error
		permanent     bool
		after         time.Duration
		wait          bool
	}{
		{"neither says", errDown, io.EOF, false, 0, false},
		{"second refuses: first may take it yet", errDown, no, false, 0, false},
		{"second refuses: first says when", wait(4), no, false, 4, true},
		{"first gave up: second may take it yet", gaveUp, io.EOF, false, 0, false},
		{"first gave up: second says when", gaveUp, wait(7), false, 7, true},
		{"neither ever will", gaveUp, no, true, 0, false},
		{"the sooner", wait(4), wait(7), false, 4, true},
		{"the sooner", wait(7), wait(4), false, 4, true},
		{"second at any time", wait(7), errDown, false, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			check := func(err error) {
				t.Helper()
				after, wait := sink.After(err)
				if sink.IsPermanent(err) != test.permanent || after != test.after || wait != test.wait {
					t.Errorf("permanent %v, after %v, %v: %v", sink.IsPermanent(err), after, wait, err)
				}
				if !errors.Is(err, errDown) && !errors.Is(err, io.EOF) {
					t.Errorf("hides the cause: %v", err)
				}
			}
			check(sink.Failover(&script{answers: []error{test.first}}, &script{answers: []error{test.second}}).Write(t.Context(), numbered(2)))
			err := sink.Failover(&script{answers: []error{partial(test.first, 1)}}, &script{answers: []error{test.second}}).Write(t.Context(), numbered(2))
			p, ok := errors.AsType[*sink.PartialError](err)
			if !ok {
				t.Fatal(err)
			}
			check(p.Failures[0].Err)
		})
	}
}

// The end of the caller's ctx is no reason to write elsewhere; that of a Timeout is.
func TestFailoverContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &script{answers: []error{nil}}
		hang := slow(time.Minute, func(err error) error { return err })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := sink.Failover(sink.Timeout(hang, 4700*time.Millisecond), second).Write(ctx, numbered(1))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		second.want(t)
		if err := sink.Failover(sink.Timeout(hang, 4700*time.Millisecond), second).Write(t.Context(), numbered(1)); err != nil {
			t.Error(err)
		}
		second.want(t, []int{0})
	})
}

func TestFailoverClose(t *testing.T) {
	fail := func(err error) sink.Sink { return closer{sink.Discard(), err} }
	err := sink.Failover(fail(errDown), fail(io.EOF)).Close(t.Context())
	if !errors.Is(err, errDown) || !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := sink.Failover(fail(nil), fail(nil)).Close(t.Context()); err != nil {
		t.Error(err)
	}
}

type closer struct {
	sink.Sink
	err error
}

func (c closer) Close(context.Context) error { return c.err }

// An open breaker diverts at once.
func TestFailoverOfBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &script{answers: []error{errDown}}, &script{answers: []error{nil}}
		s := sink.Failover(sink.Breaker(first, sink.BreakerConfig{Failures: 2}), second)
		began := time.Now()
		for range 5 {
			if err := s.Write(t.Context(), numbered(1)); err != nil {
				t.Error(err)
			}
		}
		if len(first.given) != 2 || len(second.given) != 5 || time.Since(began) != 0 {
			t.Errorf("%d and %d Writes, in %v", len(first.given), len(second.given), time.Since(began))
		}
	})
}

// What is too large for the first is for its caller to make smaller, not for the second to take; and what is too large
// for the second is so while the first is not there, but alone it waits for the first.
func TestFailoverTooLarge(t *testing.T) {
	large := sink.TooLarge(errDown)
	for _, test := range []struct {
		name          string
		n             int
		first, second error
		class         batch.Class
		offered       int // entries, to the second
	}{
		{"first", 3, large, nil, batch.TooLarge, 0},
		{"first, alone", 1, large, nil, batch.TooLarge, 0},
		{"first, in part", 3, each(large, errDown), nil, batch.TooLarge, 1},
		{"second", 3, errDown, large, batch.TooLarge, 3},
		{"second, in part", 3, errDown, partial(large, 1), batch.TooLarge, 3},
		{"second, alone", 1, errDown, large, batch.Failed, 1},
		{"second, alone, of several", 2, partial(errDown, 1), large, batch.Inconclusive, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			second := &script{answers: []error{test.second}}
			err := sink.Failover(&script{answers: []error{test.first}}, second).Write(t.Context(), numbered(test.n))
			if class, _ := sink.ClassOf(t.Context(), err, test.n); class != test.class {
				t.Errorf("class %v, want %v: %v", class, test.class, err)
			}
			offered := 0
			for _, idx := range second.given {
				offered += len(idx)
			}
			if offered != test.offered {
				t.Errorf("offered %v", second.given)
			}
		})
	}
	// Whether both wait, and for whom.
	for _, test := range []struct {
		first, second error
		class         batch.Class
		after         time.Duration
	}{
		{sink.RetryAfter(sink.ErrBreakerOpen, time.Second), sink.Throttled(errDown, 3*time.Second), batch.Throttled, time.Second},
		{sink.Throttled(errDown, time.Second), sink.RetryAfter(errDown, 3*time.Second), batch.Throttled, time.Second},
		{sink.RetryAfter(errDown, time.Second), sink.RetryAfter(errDown, 3*time.Second), batch.Inconclusive, 0},
		{sink.Throttled(errDown, time.Second), errDown, batch.Failed, 0},
		{sink.Throttled(errDown, time.Second), sink.Permanent(errDown), batch.Throttled, time.Second},
	} {
		err := sink.Failover(&script{answers: []error{test.first}}, &script{answers: []error{test.second}}).Write(t.Context(), numbered(2))
		if class, after := sink.ClassOf(t.Context(), err, 2); class != test.class || after != test.after {
			t.Errorf("%v, %v: %v", class, after, err)
		}
	}
}
