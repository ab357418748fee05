package sink_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// An outage that lasts is asked about less and less, and one that comes later begins anew.
func TestBreakerGrows(t *testing.T) {
	for _, test := range []struct {
		cfg  sink.BreakerConfig
		want []time.Duration // in milliseconds
	}{
		{sink.BreakerConfig{}, []time.Duration{500, 1000, 2000, 4000, 5000, 5000}},
		{sink.BreakerConfig{OpenFor: 70 * time.Millisecond, MaxOpenFor: 200 * time.Millisecond}, []time.Duration{70, 140, 200, 200}},
		{sink.BreakerConfig{OpenFor: time.Minute}, []time.Duration{60_000, 60_000}},
		{sink.BreakerConfig{OpenFor: 3 * time.Second, MaxOpenFor: time.Second}, []time.Duration{3000, 3000}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: []error{errDown}}
			test.cfg.Failures, test.cfg.Jitter = 1, -1
			b := sink.Breaker(s, test.cfg)
			for range 2 {
				for _, want := range test.want {
					if err := b.Write(t.Context(), numbered(1)); err != errDown {
						t.Errorf("got %v", err)
					}
					after, _ := sink.After(b.Write(t.Context(), numbered(1)))
					if after != want*time.Millisecond {
						t.Errorf("open for %v, want %d ms", after, want)
					}
					time.Sleep(after)
				}
				s.answers = []error{nil}
				if err := b.Write(t.Context(), numbered(1)); err != nil {
					t.Error(err)
				}
				s.answers = []error{errDown}
			}
		})
	}
}

// Those that lost one destination do not come back to it at one time.
func TestBreakerJitter(t *testing.T) {
	for _, test := range []struct{ share, most float64 }{{0, 0.3}, {1, 1}, {9, 1}} {
		lo, hi := time.Hour, time.Duration(0)
		for range 300 {
			synctest.Test(t, func(t *testing.T) {
				b := sink.Breaker(&script{answers: []error{errDown}}, sink.BreakerConfig{Failures: 1, OpenFor: time.Second, Jitter: test.share})
				b.Write(t.Context(), numbered(1))
				after, _ := sink.After(b.Write(t.Context(), numbered(1)))
				lo, hi = min(lo, after), max(hi, after)
			})
		}
		most := time.Second + time.Duration(test.most*float64(time.Second))
		if lo < time.Second || hi > most || hi-lo < (most-time.Second)/2 {
			t.Errorf("jitter %v: from %v to %v", test.share, lo, hi)
		}
	}
}

// thick returns a batch of numbered whose entries have so many bytes each, by an attribute.
func thick(n, size int) *batch.Batch {
	b := batch.New(nil, batch.Labels{})
	for i := range n {
		line := fmt.Append(nil, i)
		b.Append(base, line, batch.Attr{Value: strings.Repeat("x", size-len(line))})
	}
	b.Retain(1)
	return b
}

// halfOpen returns a breaker around s whose next Write is a probe.
func halfOpen(t *testing.T, s *script) sink.Sink {
	t.Helper()
	b := sink.Breaker(s, sink.BreakerConfig{Failures: 1, OpenFor: time.Second, Jitter: -1})
	answers := s.answers
	s.answers = []error{errDown}
	b.Write(t.Context(), numbered(1))
	s.answers, s.given = answers, nil
	time.Sleep(time.Second)
	return b
}

// What a probe makes of a batch whose entries are of 16 KiB, so that four are a probe.
func TestBreakerProbeInPieces(t *testing.T) {
	no, large := sink.Permanent(errDown), sink.TooLarge(errDown)
	gaveUp := sink.Permanent(errors.Join(sink.ErrGaveUp, errDown))
	less := sink.Throttled(errDown, 3*time.Second)
	for _, test := range []struct {
		name    string
		n       int
		answers []error
		sizes   []int  // of what was written
		want    string // what failed, or the error
		state   sink.State
	}{
		{"small", 4, []error{nil}, []int{4}, "none", sink.Closed},
		{"goes well", 11, []error{nil, nil}, []int{4, 7}, "none", sink.Closed},
		{"fails", 11, []error{errDown}, []int{4}, "down", sink.Open},
		{"too large", 11, []error{large}, []int{4}, "down", sink.HalfOpen},
		{"throttled", 11, []error{less}, []int{4}, "down", sink.HalfOpen},
		{"the rest fails", 7, []error{nil, errDown}, []int{4, 3}, "4 5 6", sink.Open},
		{"the rest fails in part", 7, []error{nil, partial(no, 1)}, []int{4, 3}, "5!", sink.Closed},
		{"is refused, which says nothing", 11, []error{no, partial(no, 0), nil}, []int{4, 4, 3}, "0! 1! 2! 3! 4!", sink.Closed},
		{"is refused, then fails", 6, []error{partial(no, 3), errDown}, []int{4, 2}, "3! 4 5", sink.Open},
		{"fails in part", 6, []error{partial(errDown, 2)}, []int{4}, "2 4 5", sink.HalfOpen},
		{"lists what is not in the piece", 6, []error{partial(no, 0, 4)}, []int{4}, "sink: PartialError lists entry 4 of a batch of 4: sink: 2 entries failed: entry 0: down; entry 4: down", sink.Open},
		{"the last one is too large", 5, []error{no, large}, []int{4, 1}, "0! 1! 2! 3! 4!", sink.HalfOpen},
		{"was given up", 6, []error{gaveUp}, []int{4}, "0! 1! 2! 3! 4 5", sink.Open},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: test.answers}
				b := halfOpen(t, s)
				err := b.Write(t.Context(), thick(test.n, 16<<10))
				if got := failures(err); got != test.want {
					t.Errorf("failed: %s, want %s", got, test.want)
				}
				var sizes, all []int
				for _, idx := range s.given {
					sizes, all = append(sizes, len(idx)), append(all, idx...)
				}
				if !slices.Equal(sizes, test.sizes) || !slices.IsSorted(all) {
					t.Errorf("written: %v", s.given)
				}
				if got := b.(sink.BreakerStater).BreakerState(); got != test.state {
					t.Errorf("%v, want %v", got, test.state)
				}
			})
		})
	}
	// One entry that is too large for a probe is refused, and the others are not.
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []error{large, nil}}
		b := batch.New(nil, batch.Labels{})
		for i, size := range []int{70 << 10, 1, 1} {
			b.Append(base, fmt.Append(nil, i), batch.Attr{Value: strings.Repeat("x", size)})
		}
		err := halfOpen(t, s).Write(t.Context(), b)
		if got := failures(err); got != "0!" {
			t.Errorf("failed: %s", got)
		}
		s.want(t, []int{0}, []int{1, 2})
	})
	// What is left to come later says when.
	synctest.Test(t, func(t *testing.T) {
		b := halfOpen(t, &script{answers: []error{gaveUp}})
		err := b.Write(t.Context(), thick(6, 16<<10))
		p, _ := errors.AsType[*sink.PartialError](err)
		if after, ok := sink.After(p.Failures[5].Err); !ok || after != 2*time.Second || !errors.Is(p.Failures[5].Err, sink.ErrBreakerOpen) {
			t.Errorf("%v: %v", after, p)
		}
	})
}

// While half-open, another may take the place in between.
func TestBreakerProbeLosesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := sink.Permanent(errDown)
		busy := make(chan error)
		writes, down, first := 0, true, true
		b := sink.Breaker(sink.Func(func(ctx context.Context, _ *batch.Batch) error {
			writes++
			switch {
			case down:
				return errDown
			case first:
				first = false
				return no
			}
			return <-busy
		}), sink.BreakerConfig{Failures: 1, Jitter: -1})
		b.Write(t.Context(), numbered(1))
		time.Sleep(time.Second)
		down = false
		// Another probe is under way when the second piece of this one is due.
		result := make(chan error, 1)
		go func() { result <- b.Write(t.Context(), thick(6, 16<<10)) }()
		synctest.Wait()
		if err := b.Write(t.Context(), numbered(1)); !errors.Is(err, sink.ErrBreakerOpen) {
			t.Errorf("two probes at once: %v", err)
		}
		busy <- nil
		if got := failures(<-result); got != "0! 1! 2! 3!" || writes != 3 {
			t.Errorf("failed: %s after %d Writes", got, writes)
		}
	})
}

// A probe is given five times what a Write took, and more when that was not enough.
func TestBreakerProbeTimeoutFollows(t *testing.T) {
	for _, test := range []struct {
		took time.Duration
		cap  time.Duration
		want []time.Duration // in milliseconds
	}{
		{time.Millisecond, 0, []time.Duration{1000, 2000, 4000, 8000, 10_000, 10_000}},
		{700 * time.Millisecond, 0, []time.Duration{3500, 7000, 10_000}},
		{9 * time.Second, 0, []time.Duration{10_000}},
		{time.Millisecond, 300 * time.Millisecond, []time.Duration{300, 300}},
	} {
		synctest.Test(t, func(t *testing.T) {
			hang := false
			b := sink.Breaker(sink.Func(func(ctx context.Context, _ *batch.Batch) error {
				if !hang {
					time.Sleep(test.took)
					return nil
				}
				if _, ok := ctx.Deadline(); !ok {
					return errDown
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}), sink.BreakerConfig{Failures: 1, ProbeTimeout: test.cap, Jitter: -1})
			b.Write(t.Context(), numbered(1))
			hang = true
			b.Write(t.Context(), numbered(1))
			for _, want := range test.want {
				time.Sleep(5 * time.Second)
				began := time.Now()
				if err := b.Write(t.Context(), numbered(1)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != want*time.Millisecond {
					t.Errorf("after %v: given %v, want %d ms", test.took, took, want)
				}
			}
			time.Sleep(5 * time.Second)
			hang = false
			if err := b.Write(t.Context(), numbered(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who asked to be left alone is, once it is not there; but that alone opens nothing.
func TestBreakerLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{})
		p.fails(sink.Throttled(errDown, 17*time.Second))
		for range 9 {
			p.write(t)
		}
		p.is(t, sink.Closed)
		p.fails(errDown)
		p.trip(t)
		if after, _ := p.refused(t); after != 17*time.Second {
			t.Errorf("open for %v", after)
		}
		time.Sleep(17 * time.Second)
		p.fails(sink.Throttled(errDown, 7*time.Second))
		p.write(t)
		p.is(t, sink.HalfOpen)
		if after, _ := p.refused(t); after != 7*time.Second {
			t.Errorf("refused for %v", after)
		}
		p.is(t, sink.HalfOpen)
		time.Sleep(7 * time.Second)
		p.fails(errDown)
		p.write(t)
		if after, _ := p.refused(t); after != 5*time.Second { // which is longer by now
			t.Errorf("open for %v", after)
		}
	})
}

// A probe that never comes back as it should gives its place back, in the middle of a batch as well.
func TestBreakerProbeUnreturned(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("no") }, "Goexit": runtime.Goexit} {
		for nth := 1; nth <= 2; nth++ {
			t.Run(fmt.Sprintf("%s of piece %d", name, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &script{answers: []error{nil}}
					ending := false
					b := sink.Breaker(sink.Func(func(ctx context.Context, bt *batch.Batch) error {
						if ending && len(s.given) == nth-1 {
							end()
						}
						return s.Write(ctx, bt)
					}), sink.BreakerConfig{Failures: 1, OpenFor: time.Second, Jitter: -1})
					s.answers = []error{errDown}
					b.Write(t.Context(), numbered(1))
					time.Sleep(time.Second)
					s.answers, s.given, ending = []error{nil}, nil, true
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { _ = recover() }()
						b.Write(t.Context(), thick(6, 16<<10))
					}()
					<-done
					if got := b.(sink.BreakerStater).BreakerState(); got != sink.Open {
						t.Errorf("%v, want open", got)
					}
					ending = false
					time.Sleep(2 * time.Second)
					if err := b.Write(t.Context(), thick(6, 16<<10)); err != nil {
						t.Errorf("the place was not given back: %v", err)
					}
				})
			})
		}
	}
}

// However many hammer at it, a breaker lets one probe through at a time, and who retries does not spin.
func TestBreakerHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked, under := 0, 0
		back := time.Now().Add(10 * time.Minute)
		s := sink.Breaker(sink.Func(func(ctx context.Context, _ *batch.Batch) error {
			mu.Lock()
			asked++
			if under++; under > 1 && time.Now().After(back.Add(-9*time.Minute)) && time.Now().Before(back) {
				t.Error("two probes at once")
			}
			mu.Unlock()
			time.Sleep(300 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			under--
			if time.Now().After(back) {
				return nil
			}
			return errDown
		}), sink.BreakerConfig{})
		offered := 0
		counted := sink.Func(func(ctx context.Context, bt *batch.Batch) error {
			mu.Lock()
			offered++
			mu.Unlock()
			return s.Write(ctx, bt)
		})
		r := sink.Retry(counted, sink.RetryConfig{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := r.Write(t.Context(), numbered(1)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// Those whose probes failed wait for their own backoff, which is half a minute and a third of it at most.
		if late := time.Since(back); late > 39*time.Second {
			t.Errorf("delivered %v after it was back", late)
		}
		// 600 s of one probe in five seconds or a little more, and each of twenty asks a few times in that.
		if asked > 200 || offered > 20*120*6 {
			t.Errorf("%d Writes, %d offered", asked, offered)
		}
		t.Logf("%d Writes, %d offered", asked, offered)
	})
}
