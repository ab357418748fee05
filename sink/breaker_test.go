package sink_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A patient is a destination behind a breaker.
type patient struct {
	sink.Sink
	answer  func(ctx context.Context) error
	writes  int
	changes []string
}

// newPatient returns one without chance, which is open for 5 s if cfg does not say otherwise.
func newPatient(cfg sink.BreakerConfig) *patient {
	p := &patient{}
	cfg.Jitter = -1
	if cfg.OpenFor == 0 {
		cfg.OpenFor = 5 * time.Second
	}
	p.fails(errDown)
	cfg.OnState = func(from, to sink.State) { p.changes = append(p.changes, from.String()+" to "+to.String()) }
	p.Sink = sink.Breaker(sink.Func(func(ctx context.Context, _ *batch.Batch) error {
		p.writes++
		return p.answer(ctx)
	}), cfg)
	return p
}

func (p *patient) fails(err error) { p.answer = func(context.Context) error { return err } }

func (p *patient) write(t *testing.T) error { return p.Write(t.Context(), numbered(2)) }

// refused reports whether the breaker itself answers, and when it says to come back.
func (p *patient) refused(t *testing.T) (after time.Duration, ok bool) {
	t.Helper()
	before := p.writes
	err := p.write(t)
	if !errors.Is(err, sink.ErrBreakerOpen) {
		return 0, false
	}
	if p.writes != before {
		t.Error("refused, and the destination was asked")
	}
	after, marked := sink.After(err)
	if !marked || after <= 0 {
		t.Errorf("refused without a time to come back: %v", err)
	}
	return after, true
}

func (p *patient) is(t *testing.T, want sink.State) {
	t.Helper()
	b, ok := sink.Find[sink.BreakerStater](p)
	if !ok {
		t.Fatal("no breaker")
	}
	if got := b.BreakerState(); got != want {
		t.Errorf("state: %v, want %v", got, want)
	}
}

func (p *patient) Unwrap() []sink.Sink { return []sink.Sink{p.Sink} }

// trip makes the breaker of a failing destination open.
func (p *patient) trip(t *testing.T) {
	t.Helper()
	for range 5 {
		p.write(t)
	}
	p.is(t, sink.Open)
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{})
		for range 4 {
			p.write(t)
		}
		p.is(t, sink.Closed)
		p.fails(nil)
		p.write(t) // four in a row are not five
		p.fails(errDown)
		p.trip(t)

		if after, ok := p.refused(t); !ok || after != 5*time.Second {
			t.Errorf("refused for %v: %v", after, ok)
		}
		time.Sleep(3200 * time.Millisecond)
		after, _ := p.refused(t)
		if after != 1800*time.Millisecond {
			t.Errorf("refused for %v", after)
		}
		time.Sleep(after)
		p.is(t, sink.HalfOpen)
		if err := p.write(t); err != errDown { // the probe fails
			t.Errorf("probe: %v", err)
		}
		p.is(t, sink.Open)
		after, _ = p.refused(t)
		time.Sleep(after)
		p.fails(nil)
		if err := p.write(t); err != nil { // the probe succeeds, asked or not
			t.Errorf("probe: %v", err)
		}
		p.is(t, sink.Closed)
		want := []string{"closed to open", "open to half-open", "half-open to open", "open to half-open", "half-open to closed"}
		if !slices.Equal(p.changes, want) {
			t.Errorf("changes: %v", p.changes)
		}
	})
}

func TestBreakerConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{Failures: 1, OpenFor: 70 * time.Millisecond})
		p.write(t)
		if after, ok := p.refused(t); !ok || after != 70*time.Millisecond {
			t.Errorf("refused for %v: %v", after, ok)
		}
	})
}

// What counts as a failure, and what as nothing at all.
func TestBreakerJudges(t *testing.T) {
	no, wait := sink.Permanent(errDown), sink.RetryAfter(errDown, 0)
	gaveUp := sink.Permanent(errors.Join(sink.ErrGaveUp, errDown))
	two := func(a, b error) error {
		return &sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: a}, {Index: 1, Err: b}}}
	}
	for _, test := range []struct {
		name   string
		err    error
		counts bool
	}{
		{"an error", errDown, true},
		{"a timeout of its own", context.DeadlineExceeded, true},
		{"a cancellation of its own", context.Canceled, true},
		{"permanent", no, false},
		{"retry after", wait, false},
		{"a breaker within", sink.RetryAfter(sink.ErrBreakerOpen, time.Second), false},
		{"a retry within that gave up", gaveUp, true},
		{"some delivered", partial(errDown, 0), false},
		{"none delivered", two(errDown, errDown), true},
		{"none delivered, some refused", two(no, errDown), true},
		{"all refused", two(no, no), false},
		{"all refused or told to wait", two(no, wait), false},
		{"given up on", two(gaveUp, no), true},
		{"lists what is not there", partial(no, 2), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(sink.BreakerConfig{Failures: 3})
				p.fails(test.err)
				for range 3 {
					p.write(t)
				}
				want := sink.Closed
				if test.counts {
					want = sink.Open
				}
				p.is(t, want)
				// In half-open likewise.
				p = newPatient(sink.BreakerConfig{})
				p.trip(t)
				time.Sleep(5*time.Second + time.Millisecond)
				p.fails(test.err)
				p.write(t)
				if want == sink.Closed {
					want = sink.HalfOpen
				}
				p.is(t, want)
			})
		})
	}
}

// The end of the caller's ctx says nothing about the destination, however it shows; that of a Timeout does.
func TestBreakerContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(sink.BreakerConfig{Failures: 3})
		for _, says := range []error{context.DeadlineExceeded, errDown} {
			p.answer = func(ctx context.Context) error { <-ctx.Done(); return says }
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := p.Write(ctx, numbered(1)); err != says {
					t.Errorf("got %v", err)
				}
				cancel()
			}
		}
		p.is(t, sink.Closed)

		hang := slow(time.Hour, func(err error) error { return err })
		b := sink.Breaker(sink.Timeout(hang, time.Second), sink.BreakerConfig{Failures: 3})
		for range 3 {
			b.Write(t.Context(), numbered(1))
		}
		if err := b.Write(t.Context(), numbered(1)); !errors.Is(err, sink.ErrBreakerOpen) {
			t.Errorf("timeouts do not open the breaker: %v", err)
		}
	})
}

// A Write that panics or ends its goroutine is a failure, and gives its admission back.
func TestBreakerUnreturned(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("no") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(sink.BreakerConfig{Failures: 2})
				p.answer = func(context.Context) error { end(); return nil }
				ending := func() {
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { _ = recover() }()
						p.write(t)
					}()
					<-done
				}
				ending()
				ending()
				p.is(t, sink.Open)
				time.Sleep(5*time.Second + time.Millisecond)
				ending() // the probe
				p.is(t, sink.Open)
				time.Sleep(5*time.Second + time.Millisecond)
				p.fails(nil)
				if err := p.write(t); err != nil {
					t.Errorf("the admission was not given back: %v", err)
				}
				p.is(t, sink.Closed)
			})
		})
	}
}

// Under contention every change is told once, in an order that makes sense, and the breaker closes again in the end.
func TestBreakerConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		up := false
		state := sink.Closed
		telling := false
		s := sink.Breaker(sink.Func(func(context.Context, *batch.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if up {
				return nil
			}
			return errDown
		}), sink.BreakerConfig{OnState: func(from, to sink.State) {
			mu.Lock()
			if telling || from != state {
				t.Errorf("told %v to %v while %v (telling: %v)", from, to, state, telling)
			}
			state, telling = to, true
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			telling = false
			mu.Unlock()
		}})
		s = sink.Retry(s, sink.RetryConfig{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := s.Write(t.Context(), numbered(1)); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(4 * time.Minute)
		mu.Lock()
		up = true
		mu.Unlock()
		wg.Wait()
		if state != sink.Closed {
			t.Errorf("in the end: %v", state)
		}
	})
}
