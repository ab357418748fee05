package sink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/sink"
)

func TestMarks(t *testing.T) {
	permanent := sink.Permanent(io.EOF)
	wait := sink.RetryAfter(io.EOF, 4700*time.Millisecond)
	for _, test := range []struct {
		name      string
		err       error
		permanent bool
		after     time.Duration
		wait      bool
	}{
		{"nil", nil, false, 0, false},
		{"no mark", io.EOF, false, 0, false},
		{"permanent", permanent, true, 0, false},
		{"retry after", wait, false, 4700 * time.Millisecond, true},
		{"retry after, own backoff", sink.RetryAfter(io.EOF, 0), false, 0, true},
		{"retry after less than nothing", sink.RetryAfter(io.EOF, -1), false, 0, true},
		{"wrapped", fmt.Errorf("x: %w", permanent), true, 0, false},
		{"wrapped twice", fmt.Errorf("x: %w", fmt.Errorf("y: %w", wait)), false, 4700 * time.Millisecond, true},
		{"joined", errors.Join(io.ErrClosedPipe, permanent), true, 0, false},
		{"joined, the first counts", errors.Join(wait, permanent), false, 4700 * time.Millisecond, true},
		{"the outermost counts", sink.Permanent(wait), true, 0, false},
		{"the outermost counts", sink.RetryAfter(permanent, 1), false, 1, true},
		{"one entry is not the batch", partial(permanent, 0), false, 0, false},
		{"nor is its time to wait", partial(wait, 0), false, 0, false},
		{"throttled", sink.Throttled(io.EOF, 1), false, 1, true},
		{"throttled for less than nothing", sink.Throttled(io.EOF, -1), false, 0, true},
		{"too large", sink.TooLarge(wait), false, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := sink.IsPermanent(test.err); got != test.permanent {
				t.Errorf("IsPermanent: %v", got)
			}
			if after, wait := sink.After(test.err); after != test.after || wait != test.wait {
				t.Errorf("After: %v, %v", after, wait)
			}
		})
	}
}

func TestMarksOfNil(t *testing.T) {
	if err := sink.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v", err)
	}
	if err := sink.RetryAfter(nil, time.Second); err != nil {
		t.Errorf("RetryAfter(nil) = %v", err)
	}
	if err := errors.Join(sink.Throttled(nil, time.Second), sink.TooLarge(nil)); err != nil {
		t.Errorf("a mark of nil: %v", err)
	}
}

func TestMarksHideNothing(t *testing.T) {
	for _, err := range []error{sink.Permanent(io.EOF), sink.RetryAfter(io.EOF, 1), sink.Throttled(io.EOF, 1), sink.TooLarge(io.EOF)} {
		if !errors.Is(err, io.EOF) || err.Error() != "EOF" {
			t.Errorf("%v: is not io.EOF", err)
		}
	}
}

func TestIsTooLarge(t *testing.T) {
	large := sink.TooLarge(io.EOF)
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {io.EOF, false}, {large, true}, {fmt.Errorf("x: %w", large), true},
		{sink.Permanent(large), false}, {sink.TooLarge(sink.Permanent(io.EOF)), true}, {partial(large, 0), false},
	} {
		if got := sink.IsTooLarge(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

func TestPartialErrorDoesNotUnwrap(t *testing.T) {
	err := fmt.Errorf("loki: %w", partial(context.Canceled, 3))
	if errors.Is(err, context.Canceled) {
		t.Error("the error of one entry is taken for the batch's")
	}
	if p, ok := errors.AsType[*sink.PartialError](err); !ok || p.Failures[0].Index != 3 {
		t.Error("not found in what wraps it")
	}
}

func TestPartialErrorText(t *testing.T) {
	var none *sink.PartialError
	for _, test := range []struct {
		err  error
		want string
	}{
		{none, "sink: no entry failed"},
		{partial(io.EOF), "sink: no entry failed"},
		{partial(io.EOF, 7), "sink: 1 entries failed: entry 7: EOF"},
		{partial(nil, 7), "sink: 1 entries failed: entry 7: sink: failed without an error"},
		{partial(io.EOF, 1, 2, 3, 4, 5), "sink: 5 entries failed: entry 1: EOF; entry 2: EOF; entry 3: EOF; and 2 more"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	long := partial(errors.New(strings.Repeat("é", 10_000)), make([]int, 10_000)...).Error()
	if len(long) > 1000 || strings.ContainsRune(long, '\uFFFD') {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}
