package sink_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// well is a Sink with an optional interface.
type well struct {
	sink.Sink
	name string
}

func (w *well) PerStream() bool { return w.name == "a" }

func TestFind(t *testing.T) {
	a, b, c := &well{sink.Discard(), "a"}, &well{sink.Discard(), "b"}, &well{sink.Discard(), "c"}
	observe := func(batch.Outcome) {}
	stack := sink.Retry(sink.Failover(
		sink.Observe(sink.Breaker(sink.Timeout(a, time.Second), sink.BreakerConfig{}), observe),
		sink.Failover(b, c)), sink.RetryConfig{})

	if found, ok := sink.Find[*well](stack); !ok || found != a {
		t.Errorf("found %v, want a", found)
	}
	if found := slices.Collect(sink.All[*well](stack)); !slices.Equal(found, []*well{a, b, c}) {
		t.Errorf("found %v, want a, b, c", found)
	}
	if found, ok := sink.Find[*well](a); !ok || found != a {
		t.Errorf("found %v in a", found)
	}
	if _, ok := sink.Find[sink.BreakerStater](stack); !ok {
		t.Error("no breaker found")
	}
	if _, ok := sink.Find[sink.Healther](stack); ok {
		t.Error("a Healther was found that nobody is")
	}
	if _, ok := sink.Find[*well](nil); ok {
		t.Error("something was found in nil")
	}
	for range sink.All[*well](stack) {
		break // must not go on
	}
}

// Decorators hide what they wrap, so that an optional interface is always asked of the Sink itself.
func TestDecoratorsHaveNoOptionalInterface(t *testing.T) {
	a := &well{sink.Discard(), "a"}
	for name, s := range map[string]sink.Sink{
		"Retry":    sink.Retry(a, sink.RetryConfig{}),
		"Failover": sink.Failover(a, sink.Discard()),
		"Breaker":  sink.Breaker(a, sink.BreakerConfig{}),
		"Timeout":  sink.Timeout(a, time.Second),
		"Observe":  sink.Observe(a, func(batch.Outcome) {}),
	} {
		if _, ok := s.(sink.PerStreamer); ok {
			t.Errorf("%s is a PerStreamer", name)
		}
		if found, ok := sink.Find[sink.PerStreamer](s); !ok || !found.PerStream() {
			t.Errorf("%s: the PerStreamer within is not found", name)
		}
	}
}

func TestPolicy(t *testing.T) {
	a := sink.Discard()
	cfg := sink.RetryConfig{Tries: 3}
	if s, got := sink.Policy(sink.Retry(a, cfg)); s != a || got != cfg {
		t.Errorf("got %v, %+v", s, got)
	}
	if s, got := sink.Policy(a); s != a || got != (sink.RetryConfig{}) {
		t.Errorf("got %v, %+v", s, got)
	}
}

func TestNilSink(t *testing.T) {
	d := sink.Discard()
	wantPanic(t, "sink: Retry: nil Sink", func() { sink.Retry(nil, sink.RetryConfig{}) })
	wantPanic(t, "sink: Breaker: nil Sink", func() { sink.Breaker(nil, sink.BreakerConfig{}) })
	wantPanic(t, "sink: Timeout: nil Sink", func() { sink.Timeout(nil, time.Second) })
	wantPanic(t, "sink: Failover: first: nil Sink", func() { sink.Failover(nil, d) })
	wantPanic(t, "sink: Failover: second: nil Sink", func() { sink.Failover(d, nil) })
	wantPanic(t, "sink: Observe: nil Sink", func() { sink.Observe(nil, func(batch.Outcome) {}) })
	wantPanic(t, "sink: Observe: nil func", func() { sink.Observe(d, nil) })
	wantPanic(t, "sink: Writer: nil io.Writer or format", func() { sink.Writer(nil) })
}

// Close goes through a whole stack, to every Sink once.
func TestClose(t *testing.T) {
	a, b := &script{}, &script{}
	stack := sink.Retry(sink.Failover(
		sink.Observe(sink.Breaker(sink.Timeout(a, time.Second), sink.BreakerConfig{}), func(batch.Outcome) {}), b), sink.RetryConfig{})
	if err := stack.Close(t.Context()); err != nil || a.closed != 1 || b.closed != 1 {
		t.Errorf("closed %d and %d times: %v", a.closed, b.closed, err)
	}
	f := sink.Func(func(context.Context, *batch.Batch) error { return errDown })
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// starting is a Sink that needs a task.
type starting struct{ sink.Sink }

func (*starting) Start(context.Context, *lifecycle.Supervisor) error { return nil }
func (s *starting) Unwrap() []sink.Sink                              { return []sink.Sink{s.Sink} }

// What a Sink writes through is started before it is, and siblings in their order.
func TestStarters(t *testing.T) {
	a, b := &starting{sink.Discard()}, &starting{sink.Discard()}
	outer := &starting{sink.Failover(sink.Timeout(a, time.Second), b)}
	if got := sink.Starters(sink.Retry(outer, sink.RetryConfig{})); !slices.Equal(got, []sink.Starter{a, b, outer}) {
		t.Errorf("started in the order %v", got)
	}
}
