package sink_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

var base = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// even is a config without chance.
var even = sink.RetryConfig{Jitter: -1}

// What each answer makes of a batch of five.
func TestDelivery(t *testing.T) {
	no := sink.Permanent(errDown)
	for _, test := range []struct {
		name    string
		answers []error
		writes  [][]int // after the first, of everything
		want    string
	}{
		{"delivered", []error{nil}, nil, "none"},
		{"all fail", []error{errDown, errDown, nil}, [][]int{{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}}, "none"},
		{"all refused", []error{no}, nil, "0! 1! 2! 3! 4!"},
		{"some fail", []error{partial(errDown, 1, 3), nil}, [][]int{{1, 3}}, "none"},
		{"fewer and fewer", []error{partial(errDown, 1, 2, 4), partial(errDown, 0, 2), partial(errDown, 1), nil}, [][]int{{1, 2, 4}, {1, 4}, {4}}, "none"},
		{"some refused", []error{partial(no, 0, 4)}, nil, "0! 4!"},
		{"some fail, then some are refused", []error{partial(errDown, 1, 2, 4), partial(no, 1)}, [][]int{{1, 2, 4}}, "2!"},
		{"some fail, then all are refused", []error{partial(errDown, 4, 1), no}, [][]int{{1, 4}}, "1! 4!"},
		{"some fail, then all do", []error{partial(errDown, 4, 1), errDown, nil}, [][]int{{1, 4}, {1, 4}}, "none"},
		{"each in its way", []error{
			&sink.PartialError{Failures: []sink.Failure{{Index: 4, Err: no}, {Index: 0, Err: errDown}, {Index: 2, Err: no}}},
			no,
		}, [][]int{{0}}, "0! 2! 4!"},
		{"wrapped", []error{fmt.Errorf("x: %w", partial(errDown, 1)), nil}, [][]int{{1}}, "none"},
		{"a mark around it has no effect", []error{sink.Permanent(partial(errDown, 1)), nil}, [][]int{{1}}, "none"},
		{"listed twice", []error{partial(errDown, 1, 1, 2), nil}, [][]int{{1, 2}}, "none"},
		{"listed twice, of two minds", []error{errors.Join(&sink.PartialError{Failures: []sink.Failure{{Index: 1, Err: no}, {Index: 1, Err: errDown}}}), nil}, [][]int{{1}}, "none"},
		{"an entry that is not there", []error{partial(no, 1, 5), nil}, [][]int{{0, 1, 2, 3, 4}}, "none"},
		{"a negative entry", []error{partial(errDown, 2, 3), partial(no, -1), nil}, [][]int{{2, 3}, {2, 3}}, "none"},
		{"an entry of the whole batch, where it was given a part", []error{partial(errDown, 2, 3), partial(no, 3), nil}, [][]int{{2, 3}, {2, 3}}, "none"},
		{"no error", []error{partial(nil, 1), nil}, [][]int{{1}}, "none"},
		{"nothing listed", []error{partial(nil)}, nil, "none"},
		{"a nil PartialError", []error{(*sink.PartialError)(nil)}, nil, "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := numbered(5)
			d := even.Begin(b)
			if d.Batch() != b {
				t.Error("the first Write is not of the batch itself")
			}
			var writes [][]int
			for i, err := range test.answers {
				if i > 0 {
					writes = append(writes, numbers(d.Batch()))
				}
				if _, again := d.Done(err); again != (i < len(test.answers)-1) {
					t.Fatalf("again = %v after answer %d", again, i)
				}
			}
			if !slices.EqualFunc(writes, test.writes, slices.Equal) {
				t.Errorf("written: %v, want %v", writes, test.writes)
			}
			if got := failures(d.Err()); got != test.want {
				t.Errorf("failed: %s, want %s", got, test.want)
			}
			if d.Batch() != nil || d.Pending() != nil || d.Tries() != len(test.answers) {
				t.Errorf("not over: %v, %v, %d tries", d.Batch(), d.Pending(), d.Tries())
			}
		})
	}
}

// One that lists what it was not given has said nothing: its error is passed on as text only.
func TestDeliveryMalformed(t *testing.T) {
	d := even.Begin(numbered(2))
	d.Done(partial(sink.Permanent(errDown), 7))
	p := d.Pending()
	if len(p) != 2 || sink.IsPermanent(p[0].Err) {
		t.Fatalf("pending: %v", p)
	}
	if want := "sink: PartialError lists entry 7 of a batch of 2: sink: 1 entries failed: entry 7: down"; p[0].Err.Error() != want {
		t.Errorf("got %q", p[0].Err)
	}
}

func TestDeliveryPending(t *testing.T) {
	d := even.Begin(numbered(4))
	if d.Pending() != nil {
		t.Error("pending before the first Write")
	}
	d.Done(&sink.PartialError{Failures: []sink.Failure{{Index: 3, Err: errDown}, {Index: 1, Err: sink.Permanent(errDown)}, {Index: 0, Err: errDown}}})
	if got := failures(&sink.PartialError{Failures: d.Pending()}); got != "0 3" {
		t.Errorf("pending: %s", got)
	}
	if got := failures(&sink.PartialError{Failures: d.Failed()}); got != "1!" {
		t.Errorf("failed: %s", got)
	}
	d.Done(errDown)
	if got := failures(&sink.PartialError{Failures: d.Pending()}); got != "0 3" {
		t.Errorf("pending: %s", got)
	}
}

// waits returns how long a Delivery of five waits after each answer.
func waits(cfg sink.RetryConfig, answers ...error) (list []time.Duration) {
	d := cfg.Begin(numbered(5))
	for _, err := range answers {
		wait, _ := d.Done(err)
		list = append(list, wait)
	}
	return list
}

func TestDeliveryWaits(t *testing.T) {
	const ms = time.Millisecond
	after := func(d time.Duration) error { return sink.RetryAfter(errDown, d) }
	open := sink.RetryAfter(sink.ErrBreakerOpen, 130*ms)
	some := partial(errDown, 0, 1)
	for _, test := range []struct {
		name    string
		cfg     sink.RetryConfig
		answers []error
		want    []time.Duration
	}{
		{"doubles to 30 s", even, slices.Repeat([]error{errDown}, 11), []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30000 * ms, 30000 * ms}},
		{"from Min to Max", sink.RetryConfig{Min: 7 * ms, Max: 20 * ms, Jitter: -1}, slices.Repeat([]error{errDown}, 4), []time.Duration{7 * ms, 14 * ms, 20 * ms, 20 * ms}},
		{"Max below Min", sink.RetryConfig{Min: 50 * ms, Max: 20 * ms, Jitter: -1}, slices.Repeat([]error{errDown}, 3), []time.Duration{50 * ms, 50 * ms, 50 * ms}},
		{"Min above the default Max", sink.RetryConfig{Min: time.Minute, Jitter: -1}, slices.Repeat([]error{errDown}, 2), []time.Duration{time.Minute, time.Minute}},
		{"what is asked for, if it is more", even, []error{after(4700 * ms), after(50 * ms), after(0)}, []time.Duration{4700 * ms, 200 * ms, 400 * ms}},
		{"the most that an entry asks for", even, []error{&sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: after(900 * ms)}, {Index: 1, Err: after(3 * ms)}, {Index: 2, Err: errDown}}}}, []time.Duration{900 * ms}},
		{"not what a refused one does", even, []error{&sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: sink.Permanent(after(900 * ms))}, {Index: 1, Err: errDown}}}}, []time.Duration{100 * ms}},
		{"begins anew with progress", even, []error{errDown, errDown, some, errDown, partial(errDown, 0, 1), partial(errDown, 0), errDown}, []time.Duration{100 * ms, 200 * ms, 100 * ms, 200 * ms, 400 * ms, 100 * ms, 200 * ms}},
		{"stays while a breaker refuses", even, []error{errDown, errDown, open, open, open, errDown, open}, []time.Duration{100 * ms, 200 * ms, 130 * ms, 130 * ms, 130 * ms, 400 * ms, 130 * ms}},
		{"a breaker that refuses from the start", even, []error{open, open, errDown}, []time.Duration{130 * ms, 130 * ms, 100 * ms}},
		{"a breaker that names no time", even, []error{sink.RetryAfter(sink.ErrBreakerOpen, 0), sink.RetryAfter(sink.ErrBreakerOpen, 0)}, []time.Duration{100 * ms, 200 * ms}},
		{"nothing for ever", even, []error{after(87600 * time.Hour)}, []time.Duration{time.Hour}},
		{"nothing for ever, for an entry", even, []error{partial(after(87600*time.Hour), 1)}, []time.Duration{time.Hour}},
		{"what was asked for last", even, []error{after(4700 * ms), partial(errDown, 0, 1), after(700 * ms), partial(after(900*ms), 0, 1)}, []time.Duration{4700 * ms, 100 * ms, 700 * ms, 900 * ms}},
		{"nothing for ever, by configuration", sink.RetryConfig{Min: 1 << 62, Max: 1 << 62, Jitter: -1}, []error{errDown, errDown}, []time.Duration{time.Hour, time.Hour}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := waits(test.cfg, test.answers...); !slices.Equal(got, test.want) {
				t.Errorf("waits %v\n want %v", got, test.want)
			}
		})
	}
}

// Chance is added on top, also of what the destination asked for.
func TestDeliveryJitter(t *testing.T) {
	for _, test := range []struct {
		jitter float64
		err    error
		min    time.Duration
		max    time.Duration
	}{
		{0, errDown, 100 * time.Millisecond, 130 * time.Millisecond},
		{0, sink.RetryAfter(errDown, 10*time.Second), 10 * time.Second, 13 * time.Second},
		{1, errDown, 100 * time.Millisecond, 200 * time.Millisecond},
		{5, errDown, 100 * time.Millisecond, 200 * time.Millisecond},
	} {
		lo, hi := time.Hour, time.Duration(0)
		for range 1000 {
			w := waits(sink.RetryConfig{Jitter: test.jitter}, test.err)[0]
			lo, hi = min(lo, w), max(hi, w)
		}
		spread := test.max - test.min
		if lo < test.min || hi > test.max || hi-lo < spread/2 {
			t.Errorf("jitter %v: from %v to %v, want all of %v to %v", test.jitter, lo, hi, test.min, test.max)
		}
	}
}

func TestDeliveryGivesUp(t *testing.T) {
	no := sink.Permanent(errDown)
	for _, test := range []struct {
		name    string
		tries   int
		answers []error
		want    string
	}{
		{"at once", 1, []error{errDown}, "0! 1! 2!"},
		{"in the end", 3, []error{errDown, errDown, errDown}, "0! 1! 2!"},
		{"with the last delivered", 3, []error{errDown, errDown, nil}, "none"},
		{"with some delivered", 2, []error{errDown, partial(errDown, 1)}, "1!"},
		{"with some refused", 2, []error{partial(errDown, 0, 2), &sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: no}, {Index: 1, Err: errDown}}}}, "0! 2!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := sink.RetryConfig{Tries: test.tries}.Begin(numbered(3))
			for i, err := range test.answers {
				if _, again := d.Done(err); again != (i < len(test.answers)-1) {
					t.Fatalf("again = %v after answer %d", again, i)
				}
			}
			if got := failures(d.Err()); got != test.want {
				t.Errorf("failed: %s, want %s", got, test.want)
			}
		})
	}
	d := sink.RetryConfig{Tries: 1}.Begin(numbered(1))
	d.Done(errDown)
	err := d.Failed()[0].Err
	if !errors.Is(err, sink.ErrGaveUp) || !errors.Is(err, errDown) || err.Error() != "sink: gave up after 1 tries: down" {
		t.Errorf("got %v", err)
	}
}

// Of each entry the error of its last attempt is told, be it the batch's or its own.
func TestDeliveryLastError(t *testing.T) {
	for _, answers := range [][]error{
		{io.EOF, partial(errDown, 0, 1)},
		{partial(io.EOF, 0, 1), errDown},
	} {
		d := sink.RetryConfig{Tries: 3}.Begin(numbered(2))
		for _, err := range answers {
			d.Done(err)
		}
		check := func(fs []sink.Failure) {
			t.Helper()
			if len(fs) != 2 || !errors.Is(fs[0].Err, errDown) || errors.Is(fs[0].Err, io.EOF) {
				t.Errorf("after %v: %v", answers, fs)
			}
		}
		check(d.Pending())
		d.Done(answers[1])
		check(d.Failed())
	}
}

// No attempt begins later than MaxElapsed after Begin.
func TestDeliveryMaxElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		d := sink.RetryConfig{Min: time.Second, Jitter: -1, MaxElapsed: 8 * time.Second}.Begin(numbered(1))
		for {
			time.Sleep(100 * time.Millisecond) // the Write
			wait, again := d.Done(errDown)
			if !again {
				break
			}
			time.Sleep(wait)
		}
		// 0.1 + 1, + 0.1 + 2, + 0.1 + 4 = 7.3, + 0.1, and 8 more would be too much.
		if took := time.Since(began); took != 7400*time.Millisecond || !errors.Is(d.Failed()[0].Err, sink.ErrGaveUp) {
			t.Errorf("gave up after %v: %v", took, d.Err())
		}
	})
}

// An attempt that was cut short uses nothing up.
func TestDeliveryInterrupted(t *testing.T) {
	d := sink.RetryConfig{Tries: 1}.Begin(numbered(4))
	d.Interrupted(&sink.PartialError{Failures: []sink.Failure{{Index: 1, Err: sink.Permanent(errDown)}, {Index: 2, Err: errDown}}})
	if got := failures(&sink.PartialError{Failures: d.Pending()}); got != "2" {
		t.Errorf("pending: %s", got)
	}
	if got := failures(d.Err()); got != "1!" {
		t.Errorf("failed: %s", got)
	}
	d = sink.RetryConfig{Tries: 1}.Begin(numbered(2))
	d.Interrupted(errDown)
	if got := failures(&sink.PartialError{Failures: d.Pending()}); got != "0 1" || d.Err() != nil {
		t.Errorf("pending: %s, failed: %v", got, d.Err())
	}
}

// A batch of nothing has no entry that could fail.
func TestDeliveryEmpty(t *testing.T) {
	d := even.Begin(batch.New(nil, batch.Labels{}))
	if _, again := d.Done(sink.Permanent(errDown)); again || d.Err() != nil {
		t.Errorf("again = %v, failed: %v", again, d.Err())
	}
}
