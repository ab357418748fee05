package sink_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// each is a PartialError of the entries 0, 1 and so on.
func each(errs ...error) error {
	p := &sink.PartialError{}
	for i, err := range errs {
		p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
	}
	return p
}

func TestClassOf(t *testing.T) {
	no := sink.Permanent(errDown)
	wait := sink.RetryAfter(errDown, 3*time.Second)
	less := sink.Throttled(errDown, 7*time.Second)
	large := sink.TooLarge(errDown)
	open := sink.RetryAfter(sink.ErrBreakerOpen, time.Second)
	gaveUp := sink.Permanent(errors.Join(sink.ErrGaveUp, errDown))
	for _, test := range []struct {
		name  string
		err   error
		want  batch.Class
		after time.Duration
	}{
		{"nil", nil, batch.Delivered, 0},
		{"no mark", errDown, batch.Failed, 0},
		{"its own timeout", context.DeadlineExceeded, batch.Failed, 0},
		{"permanent", no, batch.Delivered, 0},
		{"given up", gaveUp, batch.Failed, 0},
		{"one stream is told to wait", wait, batch.Inconclusive, 0},
		{"breaker", open, batch.Inconclusive, 0},
		{"throttled", less, batch.Throttled, 7 * time.Second},
		{"throttled, without a time", sink.Throttled(errDown, 0), batch.Throttled, 0},
		{"throttled for longer than is believed", sink.Throttled(errDown, 1<<62), batch.Throttled, time.Hour},
		{"wrapped", fmt.Errorf("x: %w", less), batch.Throttled, 7 * time.Second},
		{"too large", large, batch.TooLarge, 0},
		{"some refused, some delivered", partial(no, 1), batch.Delivered, 0},
		{"all refused", each(no, no, no), batch.Delivered, 0},
		{"some told to wait, some delivered", partial(wait, 1), batch.Delivered, 0},
		{"some told to wait, some refused", each(no, wait, wait), batch.Delivered, 0},
		{"all told to wait", each(wait, wait, open), batch.Inconclusive, 0},
		{"some failed, some delivered", partial(errDown, 1), batch.Inconclusive, 0},
		{"some failed, some refused", each(no, no, errDown), batch.Failed, 0},
		{"all failed, some throttled", each(less, errDown, less), batch.Failed, 0},
		{"some throttled, some delivered", each(less, sink.Throttled(errDown, 9*time.Second)), batch.Throttled, 9 * time.Second},
		{"some throttled, some failed, some delivered", each(less, errDown), batch.Throttled, 7 * time.Second},
		{"some too large, some delivered", partial(large, 0), batch.TooLarge, 0},
		{"some too large, some throttled", each(large, less, wait), batch.Throttled, 7 * time.Second},
		{"some too large, some told to wait", each(large, wait, wait), batch.TooLarge, 0},
		{"lists what is not there", partial(no, 7), batch.Failed, 0},
		{"lists nothing", partial(no), batch.Delivered, 0},
	} {
		if got, after := sink.ClassOf(t.Context(), test.err, 3); got != test.want || after != test.after {
			t.Errorf("%s: %v, %v, want %v, %v", test.name, got, after, test.want, test.after)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{errDown, less, partial(no, 1)} {
		if got, _ := sink.ClassOf(ended, err, 3); got != batch.Inconclusive {
			t.Errorf("after ctx has ended: %v, %v", err, got)
		}
	}
	if got, _ := sink.ClassOf(ended, nil, 3); got != batch.Delivered {
		t.Errorf("delivered although ctx has ended: %v", got)
	}
}

// What a decorator does not act upon goes through it as it is.
func TestDecoratorsKeepMarks(t *testing.T) {
	for _, err := range []error{sink.TooLarge(errDown), sink.Throttled(errDown, time.Second), each(sink.TooLarge(errDown), sink.Throttled(errDown, time.Second))} {
		s := sink.Sink(&script{answers: []error{err}})
		s = sink.Observe(sink.Breaker(sink.Timeout(s, time.Minute), sink.BreakerConfig{Failures: 1}), func(o batch.Outcome) {
			if o.Err != err {
				t.Errorf("observed %v", o.Err)
			}
		})
		for range 3 {
			if got := s.Write(t.Context(), numbered(2)); got != err {
				t.Errorf("got %v, want %v", got, err)
			}
		}
	}
}
