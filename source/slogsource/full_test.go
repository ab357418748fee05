package slogsource

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// wide logs as much as n bytes.
func wide(n int) string { return strings.Repeat("x", n) }

// TestSinkDown: with a sink that is down a log call takes as long as it may and no
// longer, memory stays within its bound, and when the sink is back what was
// dropped is reported where it is missing.
func TestSinkDown(t *testing.T) {
	for _, wait := range []time.Duration{0, 47 * time.Millisecond} {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				src, out := newSource(t, Config{MaxWait: wait, BufferBytes: minBuffer, MaxLine: 100 << 10}), newStore()
				p, err := pipeline.New(pipeline.Config{
					Sources:          map[string]source.Source{"log": src},
					Routes:           []pipeline.Route{{Sink: out}},
					MaxInFlightBytes: 1 << 20,
					Logger:           slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				h := src.Handler()
				out.refuse(errors.New("down"))
				var refused int64
				const n = 200
				for i := range n {
					began := time.Now()
					err := h.Handle(t.Context(), slog.NewRecord(began, slog.LevelInfo, fmt.Sprintf("%03d %s", i, wide(20<<10)), 0))
					if took := time.Since(began); took > wait {
						t.Fatalf("call %d took %v", i, took)
					}
					if err == ErrFull {
						refused++
					} else if err != nil {
						t.Fatal(err)
					}
					if s := src.Stats(); s.WaitingBytes > minBuffer {
						t.Fatalf("%d bytes wait", s.WaitingBytes)
					}
					time.Sleep(5 * time.Millisecond)
				}
				if refused < n/2 || refused == n {
					t.Fatalf("%d of %d refused", refused, n)
				}
				out.refuse(nil)
				time.Sleep(5 * time.Minute) // until it is retried
				h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "again", 0))
				if err := p.Close(deadline(t, 10*time.Second)); err != nil {
					t.Fatal(err)
				}
				got := out.lines()
				if k := len(got); got[k-1] != "again" || got[k-2] != droppedText {
					t.Errorf("the last two are %.60q", got[max(0, k-2):])
				}
				if want := fmt.Sprintf("msg=%q source=log dropped=%d\n", droppedText, refused); !strings.Contains(log.String(), want) {
					t.Errorf("the pipeline's log lacks %q:\n%s", want, &log)
				}
				report := out.got[len(got)-2]
				if want := (batch.Attr{Key: "dropped", Value: fmt.Sprint(refused)}); report.Attrs[0] != want {
					t.Errorf("reported %v, want %v", report.Attrs, want)
				}
				ledger := p.Stats().Sources["log"]
				if ledger.Read != n+2 || ledger.Dropped[DroppedFull] != refused || ledger.Delivered != n+2-refused {
					t.Errorf("the pipeline's ledger: %+v", ledger)
				}
				s := src.Stats()
				if s.Dropped[DroppedFull] != refused || s.Handed != n-refused+1 || int64(len(got)) != s.Handed+1 {
					t.Errorf("%d delivered, stats %+v", len(got), s)
				}
			})
		})
	}
}

// TestReportsStandWhereRecordsAreMissing: while more is logged than is taken, for
// ever so long, each gap has a report of its size in its place.
func TestReportsStandWhereRecordsAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, r := newSource(t, Config{BufferBytes: minBuffer, MaxLine: 100 << 10}), new(sourcetest.Receiver)
		r.SetRoom(1)
		r.Hold()
		sourcetest.Start(t, src, r, nil)
		synctest.Wait()
		n, gaps := 0, 0
		for round := range 30 {
			for range 5 + round%7 {
				src.Handler().Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, fmt.Sprint(n, " ", wide(20<<10)), 0))
				n++
				time.Sleep(5 * time.Millisecond)
			}
			for _, p := range r.Held() {
				p.Deliver()
			}
			synctest.Wait()
		}
		r.SetRoom(0)
		r.Release()
		if err := src.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // for a report behind all
		next, reported := 0, int64(0)
		var before time.Time
		for _, p := range r.Delivered() {
			for _, e := range p.Entries {
				if !e.Time.After(before) {
					t.Errorf("%.30q is at %v, after %v", e.Line, e.Time, before)
				}
				before = e.Time
				if string(e.Line) == droppedText {
					k, _ := strconv.Atoi(e.Attrs[0].Value)
					next += k
					reported += int64(k)
					gaps++
					continue
				}
				var i int
				fmt.Sscan(string(e.Line), &i)
				if i != next {
					t.Fatalf("record %d where %d is due", i, next)
				}
				next++
			}
		}
		if dropped := src.Stats().Dropped[DroppedFull]; next != n || reported != dropped || gaps < 5 {
			t.Errorf("%d of %d records, %d gaps with %d of %d dropped", next, n, gaps, reported, dropped)
		}
	})
}

// TestWaitsForRoom: a log call that waits gets the room that is made, in time.
func TestWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t, Config{MaxWait: time.Minute, BufferBytes: minBuffer, MaxLine: 100 << 10})
		r := new(sourcetest.Receiver)
		r.SetRoom(1)
		r.Hold()
		s := sourcetest.Start(t, src, r, nil)
		synctest.Wait()
		l := slog.New(src.Handler())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for i := range 20 {
				l.Info(fmt.Sprint(i, wide(40<<10)))
			}
		}()
		synctest.Wait()
		if n := src.Stats().Waiting; n == 0 || n == 20 {
			t.Fatalf("%d wait", n)
		}
		time.Sleep(30 * time.Second)
		r.SetRoom(0)
		r.Release()
		<-ended
		if err := src.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(src.Stats().Dropped); n > 0 || src.Stats().Handed != 20 {
			t.Errorf("stats %+v", src.Stats())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestNobodyTakes: while no pipeline runs the source, nobody waits for room that
// nobody makes; and who waits when it stops is not left waiting.
func TestNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t, Config{MaxWait: time.Hour, BufferBytes: minBuffer, MaxLine: 100 << 10})
		h := src.Handler()
		fill := func() (err error) {
			for err == nil {
				err = h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, wide(60<<10), 0))
			}
			return err
		}
		began := time.Now()
		if err := fill(); err != ErrFull || time.Since(began) > 0 {
			t.Errorf("before the start: %v after %v", err, time.Since(began))
		}
		r := new(sourcetest.Receiver)
		r.SetRoom(1)
		r.Hold()
		s := sourcetest.Start(t, src, r, nil)
		synctest.Wait()
		var took time.Duration
		ended := make(chan error, 1)
		go func() {
			err := fill()
			took = time.Since(began)
			ended <- err
		}()
		synctest.Wait()
		s.Interrupt()
		if err := <-ended; err != ErrStopped || took > source.LastWait {
			t.Errorf("when it stopped: %v after %v", err, took)
		}
		if took := time.Since(began); took != source.LastWait {
			t.Errorf("it went on trying for %v", took)
		}
		sent := 0
		for _, p := range r.Arrived() {
			sent += len(p.Lines())
		}
		if s := src.Stats(); s.Waiting != 0 || s.WaitingBytes != 0 || s.Handed != int64(sent) || s.Dropped[DroppedStopped] < 3 {
			t.Errorf("%d sent, stats %+v", sent, s)
		}
		r.Release()
	})
}
