package source_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// An open stream is opened again while its batches are on their way: by a
// source that was run again, say.
func TestOpenWaitsForTheOlderGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		s := g.open("x")
		a, b := g.send(s, "1", "a"), g.send(s, "2", "b")

		why := errors.New("why")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 1300*time.Millisecond, why)
		defer cancel()
		start := time.Now()
		if _, err := g.out.Open(ctx, "x", batch.Labels{}); err != why {
			t.Errorf("Open = %v, want the cause of its ctx", err)
		}
		if d := time.Since(start); d != 1300*time.Millisecond {
			t.Errorf("Open took %v", d)
		}
		if n := g.r.Hastened(); n != 0 {
			t.Errorf("still hastening after Open has given up")
		}

		opened := make(chan *source.Stream, 1)
		go func() { opened <- g.open("x") }()
		synctest.Wait()
		if n := g.r.Hastened(); n != 1 {
			t.Errorf("Open hastens %d times, want once", n)
		}
		if err := trySend(t.Context(), s, "3", "c"); !errors.Is(err, source.ErrStreamLost) {
			t.Errorf("Send through the handle that is being replaced = %v", err)
		}
		b.Deliver()
		synctest.Wait()
		if len(opened) != 0 {
			t.Fatal("Open returned before all had settled")
		}
		start = time.Now()
		a.Deliver()
		s = <-opened
		if d := time.Since(start); d != 0 {
			t.Errorf("Open waited %v though nothing was lost", d)
		}
		g.wantCursor(s, "2")
	})
}

// One succeeds, whatever the order.
func TestOpenTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		p := g.send(g.open("x"), "1", "a")
		errs := make(chan error, 5)
		for range cap(errs) {
			go func() {
				s, err := g.out.Open(t.Context(), "x", batch.Labels{})
				if err == nil {
					g.send(s, "2", "b").Deliver()
				}
				errs <- err
			}()
		}
		synctest.Wait()
		p.Deliver()
		good := 0
		for range cap(errs) {
			if err := <-errs; err == nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("%d calls of Open succeeded", good)
		}
	})
}

// Losses in a row make Open wait: 50 ms, 100 ms, … 10 s. A loss is a
// generation's, however many batches it takes with it, and progress ends the
// row.
func TestOpenBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		other := g.open("y")
		lose := func() {
			s := g.open("x")
			var sent []interface{ Lose(error) }
			for i := range 7 {
				sent = append(sent, g.send(s, fmt.Sprint(i), "a"))
			}
			for _, p := range sent {
				p.Lose(nil)
			}
		}
		opens := func(want time.Duration) *source.Stream {
			t.Helper()
			start := time.Now()
			s := g.open("x")
			if d := time.Since(start); d != want {
				t.Errorf("Open took %v, want %v", d, want)
			}
			g.send(other, "", "a").Deliver()
			return s
		}
		opens(0)
		lose()
		for _, ms := range []int{50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
			s := opens(time.Duration(ms) * time.Millisecond)
			g.send(s, "1", "a").Lose(nil)
		}
		// Nothing is gained by opening it without sending.
		opens(10 * time.Second)
		s := opens(10 * time.Second)
		g.send(s, "1", "a").Deliver()
		opens(0)

		// Progress before the loss ends the row, progress of what the loss
		// overtook does not, and the order of the two makes no difference.
		for _, overtaken := range []bool{false, true} {
			s = opens(0)
			a, b := g.send(s, "2", "a"), g.send(s, "3", "b")
			if overtaken {
				b.Lose(nil)
				a.Deliver()
			} else {
				a.Deliver()
				b.Lose(nil)
			}
			s = opens(50 * time.Millisecond)
			g.send(s, "4", "a").Deliver()
		}
	})
}

// What is lost while Open waits for it counts, and routes are left in peace
// while it only lets time pass.
func TestOpenBacksOffFromALossItWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		p := g.send(g.open("x"), "1", "a")
		opened := make(chan time.Time)
		go func() { g.open("x"); opened <- time.Now() }()
		time.Sleep(4700 * time.Millisecond)
		lost := time.Now()
		p.Lose(nil)
		synctest.Wait()
		if n := g.r.Hastened(); n != 0 {
			t.Error("Open hastens though nothing is in flight")
		}
		if d := (<-opened).Sub(lost); d != 50*time.Millisecond {
			t.Errorf("Open returned %v after the loss, want 50ms", d)
		}
	})
}

func TestOpenHonoursCtxInBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		g.send(g.open("x"), "1", "a").Lose(nil)
		why := errors.New("why")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, why)
		defer cancel()
		start := time.Now()
		if _, err := g.out.Open(ctx, "x", batch.Labels{}); err != why {
			t.Errorf("Open = %v", err)
		}
		if d := time.Since(start); d != 30*time.Millisecond {
			t.Errorf("Open took %v", d)
		}
		g.open("x")
	})
}

// A batch that was shared before it is sent makes the receiver panic. That is
// the source's failure, after which it must be able to open the stream again.
func TestOpenAfterASendThatPanicked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		s := g.open("a")
		b := s.NewBatch()
		b.Retain(1)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Send of a shared batch did not panic")
				}
			}()
			s.Send(t.Context(), b, "1")
		}()
		if err := trySend(t.Context(), s, "2", "x"); !errors.Is(err, source.ErrStreamLost) {
			t.Errorf("Send after that: %v, want ErrStreamLost", err)
		}
		s = g.open("a") // would wait for ever
		g.send(s, "2", "x")
		g.wantCursor(s, "2")
	})
}
