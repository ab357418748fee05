package sink_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []error{errDown, partial(errDown, 3, 1), sink.RetryAfter(errDown, 4700*time.Millisecond), nil}}
		began := time.Now()
		err := sink.Retry(s, even).Write(t.Context(), numbered(4))
		if err != nil {
			t.Error(err)
		}
		s.want(t, []int{0, 1, 2, 3}, []int{0, 1, 2, 3}, []int{1, 3}, []int{1, 3})
		// Some were delivered, so the second wait is the first again.
		if took := time.Since(began); took != 100*time.Millisecond+100*time.Millisecond+4700*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// Neither 15 minutes, backoff's own default, nor a day make a zero config lose anything.
func TestRetryForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(36 * time.Hour)
		s := sink.Func(func(context.Context, *batch.Batch) error {
			if time.Now().Before(back) {
				return errDown
			}
			return nil
		})
		if err := sink.Retry(s, sink.RetryConfig{}).Write(t.Context(), numbered(1)); err != nil {
			t.Error(err)
		}
		if late := time.Since(back); late < 0 || late > 39*time.Second {
			t.Errorf("delivered %v after the destination was back", late)
		}
	})
}

func TestRetryReturnsPermanentFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []error{partial(errDown, 1, 2, 4), partial(sink.Permanent(errDown), 1)}}
		err := sink.Retry(s, even).Write(t.Context(), numbered(5))
		if got := failures(err); got != "2!" {
			t.Errorf("got %s", got)
		}
		s.want(t, []int{0, 1, 2, 3, 4}, []int{1, 2, 4})
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []error{errDown}}
		err := sink.Retry(s, sink.RetryConfig{Tries: 3}).Write(t.Context(), numbered(2))
		if got := failures(err); got != "0! 1!" || len(s.given) != 3 {
			t.Errorf("got %s after %d Writes", got, len(s.given))
		}
	})
}

// When ctx ends, all that is not known to be delivered is listed, and nothing of it is permanent on that account.
func TestRetryContext(t *testing.T) {
	closing := errors.New("closing")
	no := sink.Permanent(errDown)
	mixed := &sink.PartialError{Failures: []sink.Failure{{Index: 4, Err: errDown}, {Index: 3, Err: no}, {Index: 0, Err: errDown}}}
	for _, test := range []struct {
		name  string
		cfg   sink.RetryConfig
		write func(ctx context.Context, n int) error // the nth
		want  string
		took  time.Duration
	}{
		{"in the first wait", even, func(context.Context, int) error { return errDown }, "0 1 2 3 4", 4700 * time.Millisecond},
		{"in a wait for long", even, func(context.Context, int) error { return sink.RetryAfter(mixed.Failures[0].Err, time.Hour) }, "0 1 2 3 4", 4700 * time.Millisecond},
		{"in a wait for some", even, func(_ context.Context, n int) error {
			if n == 1 {
				return mixed
			}
			return errDown
		}, "0 3! 4", 4700 * time.Millisecond},
		{"in a Write that minds", sink.RetryConfig{Tries: 1}, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }, "0 1 2 3 4", 4700 * time.Millisecond},
		{"in a Write that knows a part", sink.RetryConfig{Tries: 1}, func(ctx context.Context, _ int) error { <-ctx.Done(); return mixed }, "0 3! 4", 4700 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 4700*time.Millisecond, closing)
				defer cancel()
				n := 0
				s := sink.Func(func(ctx context.Context, _ *batch.Batch) error {
					n++
					return test.write(ctx, n)
				})
				began := time.Now()
				err := sink.Retry(s, test.cfg).Write(ctx, numbered(5))
				if !errors.Is(err, closing) || failures(err) != test.want {
					t.Errorf("got %s, want %s: %v", failures(err), test.want, err)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v", took)
				}
				if errors.Is(err, sink.ErrGaveUp) || sink.IsPermanent(err) {
					t.Errorf("the end of ctx was taken for a failure: %v", err)
				}
			})
		})
	}
}

// A Write whose fate is known when ctx ends is reported as such.
func TestRetryContextTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			err  error
			want string
		}{
			{nil, "none"},
			{sink.Permanent(errDown), "0! 1!"},
			{partial(sink.Permanent(errDown), 1), "1!"},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			s := sink.Func(func(context.Context, *batch.Batch) error { cancel(); return test.err })
			err := sink.Retry(s, even).Write(ctx, numbered(2))
			if got := failures(err); got != test.want || errors.Is(err, context.Canceled) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		}
	})
}

func TestRetryContextTooEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []error{nil}}
	err := sink.Retry(s, even).Write(ctx, numbered(2))
	if !errors.Is(err, context.Canceled) || failures(err) != "sink: retry: context canceled" || len(s.given) != 0 {
		t.Errorf("got %v after %d Writes", err, len(s.given))
	}
}
