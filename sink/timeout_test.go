package sink_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// slow answers after d, or when ctx ends, with what answer makes of that.
func slow(d time.Duration, answer func(ctx error) error) sink.Sink {
	return sink.Func(func(ctx context.Context, _ *batch.Batch) error {
		select {
		case <-time.After(d):
			return answer(nil)
		case <-ctx.Done():
			return answer(ctx.Err())
		}
	})
}

func TestTimeout(t *testing.T) {
	closing := errors.New("closing")
	same := func(err error) error { return err }
	const d = 4700 * time.Millisecond
	for _, test := range []struct {
		name     string
		s        sink.Sink
		callers  time.Duration // its ctx ends then
		want     string
		deadline bool
	}{
		{"in time", slow(time.Second, same), time.Hour, "<nil>", false},
		{"in time, with an error", slow(time.Second, func(error) error { return errDown }), time.Hour, "down", false},
		{"too late", slow(time.Minute, same), time.Hour, "sink: no answer within 4.7s: context deadline exceeded: context deadline exceeded", true},
		{"too late, with an error of its own", slow(time.Minute, func(error) error { return errDown }), time.Hour, "sink: no answer within 4.7s: context deadline exceeded: down", true},
		{"too late, yet done", slow(time.Minute, func(error) error { return nil }), time.Hour, "<nil>", false},
		{"the caller's end", slow(time.Minute, same), time.Second, "context deadline exceeded", true},
		{"the caller's end, with an error of its own", slow(time.Minute, func(error) error { return errDown }), time.Second, "down", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), test.callers, closing)
				defer cancel()
				began := time.Now()
				err := sink.Timeout(test.s, d).Write(ctx, numbered(1))
				if fmt.Sprint(err) != test.want || errors.Is(err, context.DeadlineExceeded) != test.deadline {
					t.Errorf("got %v, want %s", err, test.want)
				}
				if took := time.Since(began); took > d {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// What a late answer says of each entry, and its marks, stay in force.
func TestTimeoutKeepsMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sink.Timeout(slow(time.Minute, func(error) error { return partial(errDown, 1) }), time.Second)
		if got := failures(s.Write(t.Context(), numbered(2))); got != "1" {
			t.Errorf("got %s", got)
		}
		s = sink.Timeout(slow(time.Minute, func(error) error { return sink.Permanent(errDown) }), time.Second)
		if err := s.Write(t.Context(), numbered(2)); !sink.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTimeoutOfNothing(t *testing.T) {
	s := sink.Discard()
	if got := sink.Timeout(s, 0); got != s {
		t.Errorf("got %v", got)
	}
}

// The timer goes with the Write.
func TestTimeoutEnds(t *testing.T) {
	var inner context.Context
	s := sink.Func(func(ctx context.Context, _ *batch.Batch) error { inner = ctx; return nil })
	if err := sink.Timeout(s, time.Hour).Write(t.Context(), numbered(1)); err != nil || inner.Err() == nil {
		t.Errorf("the ctx of the Write outlives it: %v", err)
	}
}
