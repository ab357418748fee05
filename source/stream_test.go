package source_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

func TestCursorFollowsThePrefix(t *testing.T) {
	g := newRig(t)
	s := g.open("x")
	g.wantCursor(s, "")
	g.r.Hold()
	a, b, c := g.send(s, "1", "a"), g.send(s, "2", "b"), g.send(s, "3", "c")
	c.Deliver()
	g.wantCursor(s, "")
	a.Deliver()
	g.wantCursor(s, "1")
	b.Deliver()
	g.wantCursor(s, "3")
	d := g.send(s, "", "d") // moves no cursor
	d.Deliver()
	g.wantCursor(s, "3")
	g.send(s, "5").Deliver() // nothing but a cursor
	g.wantCursor(s, "5")
}

// With a thousand on their way, what is done with is forgotten in between; the
// cursor is right at every step.
func TestCursorOfManyInFlight(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 2))
	g := newRig(t)
	g.r.Hold()
	s := g.open("x")
	var sent []*sourcetest.Parcel
	for i := range 1000 {
		sent = append(sent, g.send(s, strconv.Itoa(i+1), "a"))
	}
	done := make([]bool, len(sent))
	prefix, left := 0, len(sent)
	for left > 0 {
		// Mostly near the front, so that the prefix grows while much is in flight.
		i := min(prefix+rnd.IntN(20), len(sent)-1)
		if done[i] {
			continue
		}
		sent[i].Deliver()
		done[i] = true
		left--
		for prefix < len(sent) && done[prefix] {
			prefix++
		}
		want := strconv.Itoa(prefix)
		if prefix == 0 {
			want = ""
		}
		if got := s.Cursor(); got != want {
			t.Fatalf("seed %d: cursor is %q, want %q", seed, got, want)
		}
		if rnd.IntN(10) == 0 && len(sent) < 1500 {
			sent = append(sent, g.send(s, strconv.Itoa(len(sent)+1), "a"))
			done = append(done, false)
			left++
		}
	}
}

func TestCursorFromTheStore(t *testing.T) {
	c := source.MemCheckpoints()
	c.Save(t.Context(), map[string]string{rigName + "/x": "17", "other/x": "4"}, nil)
	g := newRigOn(t, c)
	s := g.open("x")
	if s.Name() != "x" || s.Cursor() != "17" {
		t.Errorf("stream %s resumes at %q", s.Name(), s.Cursor())
	}
	g.send(s, "18", "line")
	// What is in memory is newer than what is in the store.
	if s = g.open("x"); s.Cursor() != "18" {
		t.Errorf("resumes at %q", s.Cursor())
	}
}

func TestSentBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		own := time.Unix(47, 0)
		s := g.open("x")
		b := s.NewBatch()
		b.Append(own, []byte("own"))
		b.Append(time.Time{}, []byte("none"))
		b.Append(time.Time{}, []byte("none"))
		if err := s.Send(t.Context(), b, "1"); err != nil {
			t.Fatal(err)
		}
		p := g.r.Held()[0]
		now := time.Now()
		for i, want := range []time.Time{own, now, now.Add(1)} {
			e := p.Entries[i]
			if !e.Time.Equal(want) || e.Labels != batch.MustLabels("stream", "x") {
				t.Errorf("entry %d: %v %v, want %v", i, e.Time, e.Labels, want)
			}
		}
		p.Deliver()
		// Another stream of the same instant.
		if e := g.send(g.open("y"), "1", "none").Entries[0]; !e.Time.Equal(now.Add(2)) {
			t.Errorf("another stream got %v, want %v", e.Time, now.Add(2))
		}
		g.r.Release()
	})
}

func TestLostStream(t *testing.T) {
	g := newRig(t)
	g.r.Hold()
	x, y := g.open("x"), g.open("y")
	x1, x2, x3 := g.send(x, "1", "a"), g.send(x, "2", "b"), g.send(x, "3", "c")
	y1 := g.send(y, "1", "a")
	cause := errors.New("cause")
	x2.Lose(cause)
	x3.Lose(errors.New("another"))

	for range 2 {
		err := trySend(t.Context(), x, "4", "d")
		if !errors.Is(err, source.ErrStreamLost) || !errors.Is(err, cause) {
			t.Errorf("Send = %v, want ErrStreamLost and its cause", err)
		}
	}
	y2 := g.send(y, "2", "b") // others notice nothing
	x1.Deliver()
	g.wantCursor(x, "1") // the part before the loss counts
	again := g.open("x")
	g.wantCursor(again, "1")
	x2b := g.send(again, "2", "b")
	if err := trySend(t.Context(), x, "4", "d"); !errors.Is(err, source.ErrStreamLost) {
		t.Errorf("Send through the old handle = %v", err)
	}
	x2b.Deliver()
	g.wantCursor(again, "2")
	g.wantCursor(x, "2") // the old handle tells the truth
	y2.Deliver()
	y1.Deliver()
	g.wantCursor(y, "2")
}

// A refused batch is settled: its memory is not lost to the pool.
func TestRefusedBatchIsSettled(t *testing.T) {
	g := newRig(t)
	old := g.open("x")
	g.open("x")
	b := old.NewBatch()
	var got error
	b.OnSettled(func(err error) { got = err })
	if err := old.Send(t.Context(), b, "1"); !errors.Is(err, source.ErrStreamLost) || got != err {
		t.Errorf("Send = %v, the batch settled with %v", err, got)
	}
	if n := len(g.r.Arrived()); n != 0 {
		t.Errorf("%d batches arrived", n)
	}
}

func TestSendHonoursCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		g.r.SetRoom(1)
		s := g.open("x")
		p := g.send(s, "1", "a")
		why := errors.New("why")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4700*time.Millisecond, why)
		defer cancel()
		start := time.Now()
		if err := trySend(ctx, s, "2", "b"); !errors.Is(err, why) {
			t.Errorf("Send = %v", err)
		}
		if d := time.Since(start); d != 4700*time.Millisecond {
			t.Errorf("Send took %v", d)
		}
		// The batch that found no room is lost, the one before is not.
		p.Deliver()
		if err := trySend(t.Context(), s, "2", "b"); !errors.Is(err, source.ErrStreamLost) || !errors.Is(err, why) {
			t.Errorf("the next Send = %v", err)
		}
		g.wantCursor(s, "1")
	})
}

func TestForget(t *testing.T) {
	g := newRig(t)
	g.r.Hold()
	s := g.open("x")
	g.send(s, "1", "a").Deliver()
	late := g.send(s, "2", "b")
	g.wantCursor(s, "1")
	g.out.Forget("x")
	if got := g.stored(); len(got) != 0 {
		t.Errorf("stored after Forget: %v", got)
	}
	if err := trySend(t.Context(), s, "3", "c"); !errors.Is(err, source.ErrStreamLost) {
		t.Errorf("Send through a forgotten handle = %v", err)
	}
	// One of the same name is another one: it waits for nothing, and what comes
	// in for the old one does not move its cursor.
	fresh := g.open("x")
	if fresh.Cursor() != "" {
		t.Errorf("begins at %q", fresh.Cursor())
	}
	late.Deliver()
	g.wantCursor(fresh, "")
	g.send(fresh, "1", "n").Deliver()
	g.wantCursor(fresh, "1")
	g.out.Forget("never opened")
	if got := g.r.Lines(); fmt.Sprint(got) != "[a b n]" {
		t.Errorf("delivered: %q", got)
	}
}

func TestForgetUnopened(t *testing.T) {
	c := source.MemCheckpoints()
	c.Save(t.Context(), map[string]string{rigName + "/x": "17", rigName + "/y": "18"}, nil)
	g := newRigOn(t, c)
	g.out.Forget("x")
	got := map[string]string{}
	for name, cursor := range g.out.Cursors(t.Context()) {
		got[name] = cursor
	}
	if len(got) != 1 || got["y"] != "18" {
		t.Errorf("cursors: %v", got)
	}
	if got := g.stored(); len(got) != 1 {
		t.Errorf("stored: %v", got)
	}
}

// An Open that is waiting when its stream is forgotten must not bring it back.
func TestForgetDuringOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.r.Hold()
		p := g.send(g.open("x"), "1", "a")
		failed := make(chan error)
		go func() {
			_, err := g.out.Open(t.Context(), "x", batch.Labels{})
			failed <- err
		}()
		synctest.Wait()
		g.out.Forget("x")
		p.Deliver()
		if err := <-failed; err == nil {
			t.Error("Open returned a stream that was forgotten")
		}
		if got := g.stored(); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
	})
}
