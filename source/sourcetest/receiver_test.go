package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// give sends a batch as an outlet does and returns what became of it.
func give(ctx context.Context, r *Receiver, lines ...string) (outcome func() (error, bool), err error) {
	b := r.NewBatch(batch.MustLabels("a", "b"))
	for _, l := range lines {
		b.Append(time.Time{}, []byte(l))
	}
	var mu sync.Mutex
	var got error
	settled := false
	err = r.Receive(ctx, b, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		got, settled = err, true
	})
	return func() (error, bool) {
		mu.Lock()
		defer mu.Unlock()
		return got, settled
	}, err
}

func TestReceiverDelivers(t *testing.T) {
	r := new(Receiver)
	outcome, err := give(t.Context(), r, "one", "two")
	if got, ok := outcome(); err != nil || got != nil || !ok {
		t.Errorf("Receive = %v, settled with %v, %v", err, got, ok)
	}
	p := r.Arrived()[0]
	if p.Fate() != Delivered || !slices.Equal(r.Lines(), []string{"one", "two"}) || p.Entries[0].Labels != batch.MustLabels("a", "b") {
		t.Errorf("got %v, fate %v", p.Entries, p.Fate())
	}
}

func TestReceiverHolds(t *testing.T) {
	r := new(Receiver)
	r.Hold()
	var outcomes []func() (error, bool)
	for _, l := range []string{"a", "b", "c", "d"} {
		outcome, err := give(t.Context(), r, l)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, outcome)
	}
	held := r.Held()
	if len(held) != 4 || len(r.Delivered()) != 0 {
		t.Fatalf("%d held", len(held))
	}
	held[2].Deliver()
	held[1].Lose(nil)
	held[3].Lose(errTest)
	held[1].Deliver() // too late
	held[2].Lose(errTest)
	r.Release()
	for i, want := range []error{nil, ErrLost, nil, errTest} {
		if got, ok := outcomes[i](); got != want || !ok {
			t.Errorf("batch %d settled with %v, %v; want %v", i, got, ok, want)
		}
	}
	if got := r.Lines(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("delivered: %q", got)
	}
	if fates := fmt.Sprint(held[0].Fate(), held[1].Fate(), held[3].Fate()); fates != fmt.Sprint(Delivered, Lost, Lost) {
		t.Errorf("fates are %s", fates)
	}
	if outcome, _ := give(t.Context(), r, "e"); !second(outcome()) {
		t.Error("held after Release")
	}
}

func second(_ error, ok bool) bool { return ok }

var errTest = errors.New("test")

func TestReceiverRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(Receiver)
		r.Hold()
		r.SetRoom(2)
		give(t.Context(), r, "a")
		give(t.Context(), r, "b")
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := give(t.Context(), r, "c"); err != nil {
				t.Error(err)
			}
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		wg.Go(func() {
			outcome, err := give(ctx, r, "d")
			if got, _ := outcome(); err != errTest || got != errTest {
				t.Errorf("Receive = %v, settled with %v", err, got)
			}
		})
		synctest.Wait()
		if n := r.Waiting(); n != 2 {
			t.Errorf("%d are waiting", n)
		}
		cancel(errTest)
		synctest.Wait()
		if n := r.Waiting(); n != 1 {
			t.Errorf("%d are waiting", n)
		}
		r.Held()[0].Lose(nil)
		wg.Wait()
		if got := lines(r.Held()); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("held: %q", got)
		}
		r.Release()
	})
}

func TestReceiverRefusesOnceCtxIsDone(t *testing.T) {
	r := new(Receiver)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	outcome, err := give(ctx, r, "a")
	if got, ok := outcome(); err != errTest || got != errTest || !ok {
		t.Errorf("Receive = %v, settled with %v, %v", err, got, ok)
	}
	if len(r.Arrived()) != 0 {
		t.Error("it arrived")
	}
}

func TestReceiverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(Receiver)
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(4700 * time.Millisecond)
			give(t.Context(), r, "a", "b")
			time.Sleep(1300 * time.Millisecond)
			give(t.Context(), r, "c")
		})
		start := time.Now()
		got, err := r.WaitLines(t.Context(), 3)
		if d := time.Since(start); err != nil || d != 6*time.Second || len(got) != 3 {
			t.Errorf("after %v: %q, %v", d, got, err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTest)
		defer cancel()
		if got, err := r.WaitLines(ctx, 4); err != errTest || len(got) != 3 {
			t.Errorf("got %q, %v", got, err)
		}
		wg.Wait()
	})
}

// A batch that has been sent is read-only, and what is changed all the same is
// found when it settles.
func TestReceiverFindsMeddling(t *testing.T) {
	for _, c := range []struct {
		name   string
		meddle func(b *batch.Batch)
		want   string
	}{
		{"line", func(b *batch.Batch) { b.Entries[1].Line[0] = '!' }, `"two" has become "!wo"`},
		{"time", func(b *batch.Batch) { b.Entries[1].Time = time.Unix(1, 0) }, `changed the entry "two"`},
		{"labels", func(b *batch.Batch) { b.Labels = batch.MustLabels("c", "d") }, `changed the entry "one"`},
		{"attrs", func(b *batch.Batch) { b.Entries[0].Attrs = []batch.Attr{{Key: "k"}} }, `changed the entry "one"`},
		{"length", func(b *batch.Batch) { b.Entries = b.Entries[:1] }, "2 entries has 1"},
		{"nothing", func(b *batch.Batch) {}, ""},
	} {
		r := new(Receiver)
		r.Hold()
		b := r.NewBatch(batch.Labels{})
		b.Append(time.Time{}, []byte("one"))
		b.Append(time.Time{}, []byte("two"))
		r.Receive(t.Context(), b, func(error) {})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Append to a batch that was sent does not panic")
				}
			}()
			b.Append(time.Time{}, nil)
		}()
		c.meddle(b)
		r.Release()
		err := r.Err()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Err = %v, want %q", c.name, err, c.want)
		}
	}
}

func TestReceiverPoisons(t *testing.T) {
	r := new(Receiver)
	b := r.NewBatch(batch.Labels{})
	b.Append(time.Time{}, []byte("one"))
	line := b.Entries[0].Line
	r.Receive(t.Context(), b, func(error) {})
	if string(line) != "\xdb\xdb\xdb" {
		t.Errorf("a line that was kept reads %q", line)
	}
	if got := r.Lines(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the copy reads %q", got)
	}
}

func TestReceiverConcurrently(t *testing.T) {
	r := new(Receiver)
	r.Hold()
	r.SetRoom(3)
	ctx, cancel := context.WithCancel(t.Context())
	var senders, settlers sync.WaitGroup
	for k := range 4 {
		senders.Go(func() {
			for i := range 100 {
				if _, err := give(ctx, r, fmt.Sprint(k, i)); err != nil {
					t.Error(err)
				}
			}
		})
		settlers.Go(func() {
			for r.Wait(ctx, func() bool { return len(r.Held()) > 0 }) == nil {
				for i, p := range r.Held() {
					if i%2 == k%2 {
						p.Deliver()
					}
				}
			}
		})
	}
	senders.Wait()
	cancel()
	settlers.Wait()
	r.Release()
	if n := len(r.Lines()); n != 400 || r.Err() != nil {
		t.Errorf("%d lines, %v", n, r.Err())
	}
}

func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := source.MemCheckpoints()
		c.Save(t.Context(), map[string]string{"source/x": "7"}, nil)
		runs := 0
		src := source.Func(func(ctx context.Context, out *source.Outlet) error {
			if runs++; runs < 3 {
				return errTest
			}
			s, err := out.Open(ctx, "x", batch.Labels{})
			if err != nil {
				return err
			}
			s.Send(ctx, s.NewBatch(), s.Cursor()+"+")
			<-ctx.Done()
			return nil
		})
		r := new(Receiver)
		s := Start(t, src, r, c)
		time.Sleep(47 * time.Millisecond) // 10 ms and 20 ms before it is run again
		synctest.Wait()
		if f := s.Failures(); runs != 3 || len(f) != 2 || !errors.Is(f[0], errTest) {
			t.Errorf("%d runs, failures %v", runs, f)
		}
		if !s.Interrupt() {
			t.Error("not interrupted")
		}
		s.Again(src)
		synctest.Wait()
		cursors := func() string {
			for _, v := range c.All(t.Context()) {
				return v
			}
			return ""
		}
		if got := cursors(); got != "7" {
			t.Errorf("stored by itself: %q", got)
		}
		if err := s.Save(); err != nil || cursors() != "7++" {
			t.Errorf("Save = %v, stored %q", err, cursors())
		}
		for range 2 {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
		if s.Outlet() == nil || runs != 4 {
			t.Errorf("%d runs", runs)
		}
	})
}
