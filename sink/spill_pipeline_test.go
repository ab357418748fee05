package sink_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// An impatient source gives each Send so little time that whoever waits for a destination that is down loses entries, and
// gives up when one was late.
type impatient struct {
	total int
	late  int
	sent  chan struct{}
}

func (s *impatient) Run(ctx context.Context, out *source.Outlet) error {
	stream, err := out.Open(ctx, "own", batch.MustLabels("app", "shop"))
	if err != nil {
		return err
	}
	for n := range s.total {
		b := stream.NewBatch()
		b.Append(time.Time{}, fmt.Append(nil, n))
		soon, cancel := context.WithTimeout(ctx, 20*time.Second) // for a disk that others use as well
		err := stream.Send(soon, b, fmt.Sprint(n))
		cancel()
		if err != nil {
			s.late++
			break
		}
	}
	close(s.sent)
	<-ctx.Done()
	return nil
}

// A source that cannot wait loses nothing in an outage: Flush ends at the disk, Close too, and the next process delivers
// what is left, in order.
func TestSpillInAPipeline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	const total = 5000
	run := func(to sink.Sink, n int) (*impatient, *pipeline.Engine, *sink.Spiller) {
		s, err := sink.Spill(sink.Retry(sink.Breaker(to, sink.BreakerConfig{OpenFor: 20 * time.Millisecond}), sink.RetryConfig{Min: time.Millisecond}),
			sink.SpillConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		src := &impatient{total: n, sent: make(chan struct{})}
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"own": src},
			Routes:  []pipeline.Route{{Name: "far", Sink: s}},
			// Far less than what is sent during the outage.
			MaxInFlightBytes: 64 << 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return src, p, s
	}
	down := &memory{down: true}
	src, p, s := run(down, total)
	<-src.sent
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Flush(ctx); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if st := s.Stats(); st.Entries != total || src.late > 0 {
		t.Errorf("%d sends were late; %+v", src.late, st)
	}
	if h := p.Health(); h.OK() || !strings.Contains(fmt.Sprint(h.Problems), "entries are queued") {
		t.Errorf("Health: %v", h.Problems)
	}
	if err := p.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	up := &memory{}
	_, p, s = run(up, 0)
	if err := s.Drain(ctx); err != nil {
		t.Error(err)
	}
	if err := p.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if len(up.held) != total {
		t.Fatalf("%d entries delivered", len(up.held))
	}
	for n, e := range up.held {
		if string(e.Line) != fmt.Sprint(n) {
			t.Fatalf("%q at %d", e.Line, n)
		}
	}
}

// What is queued costs no memory, however much it is.
func TestSpillMemoryIsFlat(t *testing.T) {
	const total = 64 << 20
	down := sink.Func(func(context.Context, *batch.Batch) error { return errDown })
	s, err := sink.Spill(sink.Retry(down, sink.RetryConfig{Min: time.Minute}), sink.SpillConfig{Dir: filepath.Join(t.TempDir(), "q"), CloseTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	sup := newSupervisor(t)
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	for range 4096 {
		b.Append(base, make([]byte, 256))
	}
	before := heap()
	for range total / b.Size() {
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	grown := heap() - before
	t.Logf("%d MiB queued, the heap grew by %d KiB", s.Stats().Bytes>>20, grown>>10)
	if grown > total/2 { // what is read for the next Writes, twice at the most, and not what is queued
		t.Errorf("%d bytes for %d queued", grown, total)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
