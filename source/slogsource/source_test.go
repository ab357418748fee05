package slogsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// TestContract holds the source against the contract of sources.
func TestContract(t *testing.T) {
	sourcetest.Run(t, func(t testing.TB) sourcetest.Feed {
		src := newSource(t, Config{})
		l := slog.New(src.Handler())
		return sourcetest.Feed{
			Volatile: true,
			New:      func() source.Source { return src },
			Write: func(lines ...string) {
				for _, line := range lines {
					l.Info(line)
				}
			},
		}
	})
}

// deadline is a ctx that ends after d.
func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestFromBeginningToEnd: what is logged before the pipeline has started, while
// it runs, and until it is closed is delivered, in order; what comes later is
// dropped and counted, and the error says why.
func TestFromBeginningToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		l := slog.New(src.Handler())
		p := engine(t, src, out, nil)
		l.Info("before")
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Info("at once")
		time.Sleep(3 * time.Second)
		if got := out.lines(); len(got) != 2 {
			t.Errorf("after a while: %q", got)
		}
		l.Info("while it runs")
		l.Info("last")
		if err := p.Close(deadline(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		err := l.Handler().Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "late", 0))
		if err != ErrStopped {
			t.Errorf("a late record: %v", err)
		}
		if want := []string{"before", "at once", "while it runs", "last"}; !slices.Equal(out.lines(), want) {
			t.Errorf("delivered %q", out.lines())
		}
		if s := src.Stats(); s.Handed != 4 || s.Waiting != 0 || s.WaitingBytes != 0 || s.Dropped[DroppedStopped] != 1 || len(s.Dropped) != 1 {
			t.Errorf("stats %+v", s)
		}
		if s := p.Stats().Sources["log"]; s.Read != 4 || s.Delivered != 4 {
			t.Errorf("pipeline %+v", s)
		}
	})
}

// TestManyLoggers: of many at once, and while the pipeline is being closed, what
// was taken is delivered once and in order, and what was not is counted.
func TestManyLoggers(t *testing.T) {
	const loggers, each = 8, 2000
	src, out := newSource(t, Config{BufferBytes: minBuffer}), newStore()
	p := started(t, src, out, nil)
	h := src.Handler()
	taken := make([][]string, loggers)
	var refused [loggers]int64
	var all sync.WaitGroup
	closeNow := make(chan struct{})
	for g := range loggers {
		all.Go(func() {
			for i := range each {
				line := fmt.Sprintf("%d %d", g, i)
				if err := h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, line, 0)); err != nil {
					refused[g]++
				} else {
					taken[g] = append(taken[g], line)
				}
				if g == 0 && i == each*3/4 {
					close(closeNow)
				}
			}
		})
	}
	<-closeNow
	if err := p.Close(deadline(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	got := make([][]string, loggers)
	for _, line := range out.lines() {
		var g, i int
		if n, _ := fmt.Sscanf(line, "%d %d", &g, &i); n == 2 { // else it is a report
			got[g] = append(got[g], line)
		}
	}
	var sum Stats
	for g := range loggers {
		if !slices.Equal(got[g], taken[g]) {
			t.Errorf("logger %d: %d taken, %d delivered, or in another order", g, len(taken[g]), len(got[g]))
		}
		sum.Handed += int64(len(taken[g]))
		sum.Own += refused[g]
	}
	s := src.Stats()
	if s.Handed != sum.Handed || s.Dropped[DroppedFull]+s.Dropped[DroppedStopped] != sum.Own || s.Waiting != 0 {
		t.Errorf("%d taken, %d refused, stats %+v", sum.Handed, sum.Own, s)
	}
}

// TestSameMoment: records of one moment stay apart and in order, and others have
// the time they were given.
func TestSameMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		p := started(t, src, out, nil)
		at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
		given := []time.Duration{0, 0, 0, -time.Millisecond + 2, -time.Millisecond, 5, -time.Second, -time.Second, time.Hour, 9}
		want := []time.Duration{0, 1, 2, 3, -time.Millisecond, 5, -time.Second, -time.Second + 1, time.Hour, 9}
		for i, d := range given {
			if i == 3 {
				time.Sleep(time.Second) // in another batch
			}
			src.Handler().Handle(t.Context(), slog.NewRecord(at.Add(d), slog.LevelInfo, "m", 0))
		}
		if err := p.Close(deadline(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		for i, e := range out.got {
			if got := e.Time.Sub(at); got != want[i] {
				t.Errorf("record %d is at %v, want %v", i, got, want[i])
			}
		}
	})
}

// TestRemovedAndAdded: a source that was removed goes on when it is added again.
func TestRemovedAndAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		l := slog.New(src.Handler())
		p := started(t, src, out, nil)
		l.Info("a")
		if err := p.Remove(t.Context(), "log"); err != nil {
			t.Fatal(err)
		}
		l.Info("lost")
		if err := p.Add("log", src); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		l.Info("b")
		if err := p.Close(deadline(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got := out.lines(); !slices.Equal(got, []string{"a", "b"}) || src.Stats().Dropped[DroppedStopped] != 1 {
			t.Errorf("delivered %q, stats %+v", got, src.Stats())
		}
	})
}

// TestTwoPipelines: a second one is told so, and the first is not disturbed.
func TestTwoPipelines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		p := started(t, src, out, nil)
		synctest.Wait()
		s := sourcetest.Start(t, src, new(sourcetest.Receiver), nil)
		synctest.Wait()
		if f := s.Failures(); len(f) == 0 || !errors.Is(f[0], errRunning) {
			t.Errorf("the second one: %v", f)
		}
		slog.New(src.Handler()).Info("a")
		if err := errors.Join(s.Stop(), p.Close(deadline(t, time.Minute))); err != nil {
			t.Fatal(err)
		}
		if got := out.lines(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("delivered %q", got)
		}
	})
}

// TestLostStream: what could not be sent because the stream was lost is sent when
// it is opened again.
func TestLostStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, r := newSource(t, Config{}), new(sourcetest.Receiver)
		r.Hold()
		sourcetest.Start(t, src, r, nil)
		l := slog.New(src.Handler())
		l.Info("a")
		synctest.Wait()
		time.Sleep(time.Second)
		r.Held()[0].Lose(nil)
		r.Release()
		l.Info("b")
		if err := src.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.Delivered(); len(got) != 1 || got[0].Lines()[0] != "b" {
			t.Errorf("delivered %v", got)
		}
	})
}

// TestFlush: it waits for what was logged, as long as it may.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		if err := src.Flush(t.Context()); err != nil {
			t.Errorf("of nothing: %v", err)
		}
		l := slog.New(src.Handler())
		l.Info("a")
		if err := src.Flush(deadline(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before the start: %v", err)
		}
		p := started(t, src, out, nil)
		if err := errors.Join(src.Flush(t.Context()), p.Flush(t.Context())); err != nil || len(out.lines()) != 1 {
			t.Errorf("%v, %q", err, out.lines())
		}
		if err := p.Close(deadline(t, time.Minute)); err != nil {
			t.Error(err)
		}
	})
}

// TestHardStop: a sink that is dead when time is up does not hold up Close, and
// what could not be delivered is the pipeline's error.
func TestHardStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		out.refuse(errors.New("down"))
		p := started(t, src, out, nil)
		l := slog.New(src.Handler())
		l.Info("a")
		time.Sleep(time.Second)
		l.Info("b")
		began := time.Now()
		err := p.Close(deadline(t, 3*time.Second))
		if lost := new(pipeline.UndeliveredError); !errors.As(err, &lost) || lost.Sources["log"] != 2 || time.Since(began) > 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestGoexit: a plug-in that ends the goroutine costs the batch it was given, which
// the pipeline counts, and nothing else.
func TestGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, out := newSource(t, Config{}), newStore()
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"log": src},
			Routes:  []pipeline.Route{{Sink: out}},
			Processors: []pipeline.Processor{pipeline.ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
				if string(b.Entries[0].Line) == "exit" {
					runtime.Goexit()
				}
				return nil
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := slog.New(src.Handler())
		time.Sleep(5 * time.Second) // the source waits for the first record, and takes it at once
		l.Info("exit")
		synctest.Wait()
		l.Info("while nobody runs")
		time.Sleep(5 * time.Second)
		l.Info("again")
		p.Close(deadline(t, time.Minute)) // the Goexit is its error
		if s := src.Stats(); s.Handed != 3 || s.Waiting != 0 || s.WaitingBytes != 0 || len(s.Dropped) > 0 {
			t.Errorf("stats %+v", s)
		}
		if s := p.Stats().Sources["log"]; s.Read != 3 || s.Dropped[pipeline.DroppedProcessor] != 1 || !slices.Equal(out.lines(), []string{"while nobody runs", "again"}) {
			t.Errorf("delivered %q, %+v", out.lines(), s)
		}
	})
}

// TestConfig: each wrong field is named.
func TestConfig(t *testing.T) {
	_, err := New(Config{Format: 9, BufferBytes: 1, MaxWait: -1, MaxLine: -1})
	for _, want := range []string{"Format: 9", "BufferBytes: 1", "MaxWait", "MaxLine"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if _, err := New(Config{MaxLine: 3 << 20}); err == nil || !strings.Contains(err.Error(), "MaxLine: 3145728 is more") {
		t.Errorf("a line larger than the buffer: %v", err)
	}
}
