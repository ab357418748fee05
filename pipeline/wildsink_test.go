package pipeline

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A wildSink does what a bad day brings, and remembers what it took.
type wildSink struct {
	w         *world
	name      string
	rng       *rnd
	perStream bool
	wild      int
	most      int // entries it takes at once; 0: any number
	sharers   int // routes that write to it, dead letters included

	mu     sync.Mutex
	took   []line
	count  map[line]int
	again  map[line]bool // may come again: taken, but not said so
	maimed map[string]bool
	no     map[line]bool // refused for good
	panics map[line]int
	closed int
	busy   map[batch.Labels]bool
	inLine map[string]bool // streams of which a batch is being written
}

func (s *wildSink) PerStream() bool { return s.perStream }

func (s *wildSink) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count, s.again, s.no, s.panics, s.maimed = map[line]int{}, map[line]bool{}, map[line]bool{}, map[line]int{}, map[string]bool{}
	}
	s.closed, s.busy, s.inLine = 0, map[batch.Labels]bool{}, map[string]bool{}
}

func (s *wildSink) Write(ctx context.Context, b *batch.Batch) error {
	lines := s.look(b)
	if lines == nil {
		return nil
	}
	defer s.leave(b, lines)
	if !s.nap(ctx) {
		return context.Cause(ctx)
	}
	s.look2(b, lines)
	if s.most > 0 && len(lines) > s.most {
		return sink.TooLarge(errors.New("413"))
	}
	if err := s.trouble(lines); err != nil {
		return err
	}
	return s.take(lines)
}

// look checks what the pipeline promises of a batch.
func (s *wildSink) look(b *batch.Batch) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.w.t
	if s.closed > 0 {
		t.Errorf("%s: Write after Close", s.name)
	}
	if len(b.Entries) == 0 {
		t.Errorf("%s: empty batch", s.name)
		return nil
	}
	lines := make([]line, len(b.Entries))
	for i := range b.Entries {
		e := &b.Entries[i]
		l, ok := parse(e.Line)
		if !ok || b.LabelsOf(i) != l.labels() || e.Time.IsZero() {
			t.Errorf("%s: entry %q with labels %v at %v", s.name, e.Line, b.LabelsOf(i), e.Time)
			return nil
		}
		lines[i] = l
	}
	if s.perStream && s.sharers == 1 {
		for i := range b.Entries {
			if b.LabelsOf(i) != b.LabelsOf(0) {
				t.Errorf("%s: two streams in a batch", s.name)
			}
		}
		if s.busy[b.LabelsOf(0)] {
			t.Errorf("%s: two batches of %v at once", s.name, b.LabelsOf(0))
		}
		s.busy[b.LabelsOf(0)] = true
	}
	if s.ordered() {
		for i, l := range lines {
			name := l.source + "/" + l.stream
			if fresh := i == 0 || !slices.ContainsFunc(lines[:i], func(o line) bool { return o.source == l.source && o.stream == l.stream }); fresh && s.inLine[name] {
				t.Errorf("%s: two batches of %s at once", s.name, name)
			}
			s.inLine[name] = true
		}
	}
	return lines
}

// ordered reports whether no two batches with entries of one stream of a source
// may be written at once.
func (s *wildSink) ordered() bool { return !s.perStream && s.sharers == 1 && s.w.fails == 0 }

func (s *wildSink) leave(b *batch.Batch, lines []line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ordered() {
		for _, l := range lines {
			delete(s.inLine, l.source+"/"+l.stream)
		}
	}
	if s.perStream && s.sharers == 1 {
		s.busy[b.LabelsOf(0)] = false
	}
}

// look2 checks that the lines are still what they were.
func (s *wildSink) look2(b *batch.Batch, lines []line) {
	for i := range b.Entries {
		if text := b.Entries[i].Line; string(text) != lines[i].String() || bytes.IndexByte(text, batch.PoisonByte) >= 0 {
			s.w.t.Errorf("%s: line changed during Write: %q was %v", s.name, text, lines[i])
		}
	}
}

// nap takes a while; it may even be stuck.
func (s *wildSink) nap(ctx context.Context) bool {
	if s.wild == 3 && !s.w.calm.Load() && s.rng.one(40) {
		<-s.w.release
		return s.rng.one(2)
	}
	if s.rng.one(3) {
		return ctx.Err() == nil
	}
	return sleep(ctx, s.rng.upTo(300*time.Millisecond)) == nil
}

// trouble is a Write that fails as a whole.
func (s *wildSink) trouble(lines []line) error {
	if s.wild == 0 || s.w.calm.Load() || !s.rng.one(4) {
		return nil
	}
	switch s.rng.IntN(8) {
	case 0, 1:
		return errors.New("refused")
	case 2:
		return sink.RetryAfter(errors.New("slowly"), s.rng.upTo(2*time.Second))
	case 6:
		return sink.Throttled(errors.New("slowly, all of you"), s.rng.upTo(2*time.Second))
	case 7:
		if len(lines) > 1 {
			return sink.TooLarge(errors.New("413"))
		}
		return sink.RetryAfter(errors.New("soon"), 0)
	case 3: // taken, but nobody knows
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range lines {
			s.add(l)
			s.again[l] = true
			s.maimed[l.source+l.stream] = true
		}
		return errors.New("no answer")
	}
	s.mu.Lock()
	for _, l := range lines {
		s.panics[l]++
	}
	s.mu.Unlock()
	if s.rng.one(2) {
		panic("sink")
	}
	runtime.Goexit()
	return nil
}

// take takes the lines, but not those that are refused for good or, now and
// then, some others.
func (s *wildSink) take(lines []line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p sink.PartialError
	for i, l := range lines {
		switch {
		case l.luck(s.name, 23) == 0:
			s.no[l] = true
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("poison"))})
		case s.wild > 1 && !s.w.calm.Load() && s.rng.one(60):
			s.maimed[l.source+l.stream] = true
			err := errors.New("not now")
			switch s.rng.IntN(4) {
			case 0, 1:
				err = sink.RetryAfter(err, s.rng.upTo(time.Second))
			case 2:
				err = sink.Throttled(err, s.rng.upTo(time.Second))
			}
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
		default:
			s.add(l)
		}
	}
	if len(p.Failures) == 0 {
		return nil
	}
	return &p
}

func (s *wildSink) add(l line) {
	s.took = append(s.took, l)
	s.count[l]++
}

func (s *wildSink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	for l, busy := range s.busy {
		if busy {
			s.w.t.Errorf("%s: closed while it writes %v", s.name, l)
		}
	}
	return nil
}

func (s *wildSink) checkClosed(t *testing.T, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != 1 {
		t.Errorf("sink %d was closed %d times", i, s.closed)
	}
}
