package sink_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A strict shaper allows two Writes of 200 bytes, the first after a pause and the third with hardly any time.
type strict struct {
	mu     sync.Mutex
	states []batch.State
	seen   []batch.Outcome
}

func (s *strict) Limits(st batch.State) batch.Limits {
	s.mu.Lock() // for the test, which looks on
	defer s.mu.Unlock()
	s.states = append(s.states, st)
	l := batch.Limits{MaxBytes: 200, InFlight: 2}
	if len(s.states) == 1 {
		l.Pause = time.Millisecond
	}
	if len(s.seen) == 2 {
		l.Timeout = time.Nanosecond
	}
	return l
}

func (s *strict) Observe(o batch.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, o)
}

// The queue's Writes are as its shaper says, which is told of each; what one of them timed out with comes again.
func TestSpillShaper(t *testing.T) {
	to, shaper := &memory{}, &strict{}
	var mu sync.Mutex
	writing, most, largest := 0, 0, 0
	s, err := sink.Spill(sink.Retry(sink.Func(func(ctx context.Context, b *batch.Batch) error {
		mu.Lock()
		writing++
		most, largest = max(most, writing), max(largest, b.Size())
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		writing--
		mu.Unlock()
		return to.Write(ctx, b)
	}), sink.RetryConfig{Min: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), MaxInFlight: 8, Shaper: shaper})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b := batch.New(nil, batch.Labels{})
	for i := range 64 {
		b.Append(base, make([]byte, 50))
		b.Entries[i].Labels = batch.MustLabels("stream", string(rune('a'+i%16)))
	}
	if err := errors.Join(s.Write(t.Context(), b), s.Drain(t.Context()), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(to.held) != 64 || most > 2 || largest > 200 {
		t.Errorf("%d entries, at most %d Writes of %d bytes at a time", len(to.held), most, largest)
	}
	classes, bytes := map[batch.Class]int{}, 0
	for _, o := range shaper.seen {
		classes[o.Class]++
		bytes += o.Bytes
		if o.InFlight < 1 || o.InFlight > 2 || o.Now.IsZero() || o.Entries == 0 {
			t.Errorf("told of %+v", o)
		}
	}
	if classes[batch.Failed] == 0 || classes[batch.Delivered] < 16 {
		t.Errorf("told of %v", classes)
	}
	last := shaper.states[len(shaper.states)-1]
	if last.Begun == 0 || last.Begun > int64(bytes) || shaper.states[0].Backlog == 0 {
		t.Errorf("%d bytes, asked with %+v at first, %+v at last", bytes, shaper.states[0], last)
	}
}

// What makes a destination panic again and again is refused, and does not stop what is behind it.
func TestSpillPoison(t *testing.T) {
	to := &memory{}
	refused := make(chan error, 1)
	s, err := sink.Spill(sink.Retry(sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if string(b.Entries[0].Line) == "0" {
			panic("poison")
		}
		return to.Write(ctx, b)
	}), sink.RetryConfig{Min: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"),
		OnRefused: func(n int, err error) { refused <- err }})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b, _ := series(2, 1)
	if err := errors.Join(s.Write(t.Context(), b[0]), s.Drain(t.Context()), s.Write(t.Context(), b[1]), s.Drain(t.Context()), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; err == nil || len(to.held) != 1 || s.Stats().Refused != 1 {
		t.Errorf("refused with %v; %d entries delivered; %+v", err, len(to.held), s.Stats())
	}
}
