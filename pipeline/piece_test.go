package pipeline

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

// shrinking is a shaper that has everything written at once the first time, and
// by the piece afterwards.
func shrinking(bytes int) *script {
	s := &script{}
	s.limits = func(st batch.State) batch.Limits {
		l := batch.Limits{MaxWait: 100 * time.Millisecond}
		if st.Begun > 0 {
			l.MaxBytes = bytes
		}
		return l
	}
	return s
}

// A piece of a batch in which a stream is told to wait keeps back what follows of
// that stream, and not the pieces of others behind it, nor what comes of them
// later.
func TestAPieceIsParkedAlone(t *testing.T) {
	for _, letters := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const total, each = 20, 10
			out, dead := &collector{}, &collector{}
			back := time.Now().Add(10 * time.Minute)
			out.fail = func(n int, _ context.Context, b *batch.Batch) error {
				if n == 1 {
					return errors.New("not there")
				}
				var p sink.PartialError
				for i := range b.Entries {
					err := error(nil)
					switch stream := b.LabelsOf(i).Get("stream"); {
					case (stream == "s2" || stream == "s5") && time.Now().Before(back):
						err = sink.RetryAfter(errors.New("429"), time.Until(back))
					case stream == "s7":
						err = sink.Permanent(errors.New("never"))
					default:
						out.mu.Lock()
						out.lines = append(out.lines, string(b.Entries[i].Line))
						out.mu.Unlock()
						continue
					}
					p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
				}
				return &p // the collector takes nothing twice
			}
			route := Route{Sink: out, Shaper: shrinking(3 * each * len("s0 0")), MaxInFlight: 1}
			if letters {
				route.DeadLetter = dead
			}
			cfg := Config{Sources: streams(9, total, 0), Routes: []Route{route}}
			for name, s := range cfg.Sources {
				c := s.(counter)
				c.perBatch, c.every = each, 3*time.Second
				cfg.Sources[name] = c
			}
			e := mustStart(t, cfg)
			time.Sleep(47 * time.Second)
			closes(t, e.Stats())
			for i := range 9 {
				name := fmt.Sprintf("s%d", i)
				missing, twice, inOrder := out.check(name, total)
				if kept := i == 2 || i == 5 || i == 7; kept != (missing == total) || !kept && missing > 0 || twice > 0 || !inOrder {
					t.Errorf("%s: %d missing after 47 s, %d twice, in order: %v", name, missing, twice, inOrder)
				}
			}
			<-e.Done()
			for _, name := range []string{"s2", "s5"} {
				if missing, twice, inOrder := out.check(name, total); missing > 0 || twice > 0 || !inOrder {
					t.Errorf("%s in the end: %d missing, %d twice, in order: %v", name, missing, twice, inOrder)
				}
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
			st := e.Stats()
			closes(t, st)
			r, bytes := st.Routes["route0"], int64(0)
			for _, l := range out.got() {
				bytes += int64(len(l))
			}
			if r.Delivered != 8*total || r.Bytes != bytes || r.DeadLettered+r.Dropped[DroppedRefused] != total || letters != (r.DeadLettered > 0) {
				t.Errorf("%d bytes delivered: %+v", bytes, r)
			}
			if n := e.routes[0].carried; n != 0 {
				t.Errorf("%d bytes are still carried", n)
			}
		})
	}
}

// When the destination is not there, or asks all for less, the pieces wait behind
// each other: they are no reason to ask it again at once.
func TestPiecesWaitForTheDestination(t *testing.T) {
	for _, err := range []error{errors.New("not there"), sink.Throttled(errors.New("429"), time.Second)} {
		synctest.Test(t, func(t *testing.T) {
			out := &collector{}
			out.fail = func(_ int, _ context.Context, b *batch.Batch) error {
				var p sink.PartialError
				for i := range b.Entries {
					p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
				}
				return &p
			}
			e := mustStart(t, Config{Sources: streams(9, 1, 0), Routes: []Route{{Sink: out, Shaper: shrinking(8), MaxInFlight: 1}}})
			time.Sleep(29 * time.Second)
			if n := out.wrote(); n < 5 || n > 30 {
				t.Errorf("%d Writes in 29 s", n)
			}
			if n := e.Stats().Routes["route0"].Parked; n != 1 {
				t.Errorf("%d batches are parked", n)
			}
			if err := e.Close(within(t, time.Second)); err == nil {
				t.Error("nothing is left")
			}
			closes(t, e.Stats())
		})
	}
}
