package batch

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

var errTest = errors.New("test")

func TestSettleOnce(t *testing.T) {
	b := New(nil, Labels{})
	n := 0
	b.OnSettled(func(error) { n++ })
	b.Settle(nil)
	if n != 1 {
		t.Fatalf("called %d times", n)
	}
	mustPanic(t, "a second Settle", func() { b.Settle(nil) })
	mustPanic(t, "a third Settle", func() { b.Settle(errTest) })
	if n != 1 {
		t.Errorf("called %d times", n)
	}
}

func TestLastSettleAnnounces(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	for _, c := range []struct {
		votes []error
		want  error
	}{
		{[]error{nil}, nil},
		{[]error{nil, nil, nil}, nil},
		{[]error{first}, first},
		{[]error{nil, first, nil}, first},
		{[]error{first, second, nil}, first},
		{[]error{nil, second, first}, second},
	} {
		b := New(nil, Labels{})
		calls := 0
		var got error
		b.OnSettled(func(err error) { calls++; got = err })
		b.Retain(len(c.votes) - 1)
		for i, v := range c.votes {
			if calls != 0 {
				t.Fatalf("%v: called after %d votes", c.votes, i)
			}
			b.Settle(v)
		}
		if calls != 1 || got != c.want {
			t.Errorf("%v: called %d times, with %v", c.votes, calls, got)
		}
	}
}

func TestReadOnlyOnceShared(t *testing.T) {
	for _, n := range []int{0, 1} {
		b := batchOf(nil, Labels{}, "x")
		b.Retain(n)
		mustPanic(t, "Append", func() { b.Append(time.Time{}, nil) })
		mustPanic(t, "AppendShared", func() { b.AppendShared(time.Time{}, nil) })
		mustPanic(t, "Buffer", func() { b.Buffer(1) })
		mustPanic(t, "Grow", func() { b.Grow(1) })
		mustPanic(t, "Filter", func() { b.Filter(func(*Entry) bool { return true }) })
		mustPanic(t, "OnSettled", func() { b.OnSettled(func(error) {}) })
		mustPanic(t, "SetTag", func() { b.SetTag(1) })
		other := batchOf(nil, Labels{}, "y")
		mustPanic(t, "Merge", func() { b.Merge(other, nil) })
		mustPanic(t, "Merge", func() { b.Merge(other, []int32{0}) })
		mustPanic(t, "MergeRange", func() { b.MergeRange(other, 0, 1) })
		if len(b.Entries) != 1 || len(b.parts) != 0 {
			t.Error("a refused change left a trace")
		}
		for range n + 1 {
			b.Settle(nil)
		}
		other.Settle(nil) // nobody took its reference
	}
}

func TestRetainNegative(t *testing.T) {
	b := New(nil, Labels{})
	mustPanic(t, "Retain(-1)", func() { b.Retain(-1) })
	b.Append(time.Time{}, nil) // and it is still exclusive
	b.Settle(nil)
}

func TestOnSettledTwice(t *testing.T) {
	b := New(nil, Labels{})
	b.OnSettled(func(error) {})
	mustPanic(t, "OnSettled twice", func() { b.OnSettled(func(error) {}) })
}

func TestCascade(t *testing.T) {
	for _, vote := range []error{nil, errTest} {
		p := &Pool{Poison: true}
		parts := []*Batch{batchOf(p, Labels{}, "a"), batchOf(p, Labels{}, "b"), batchOf(p, Labels{}, "c")}
		m := New(p, Labels{})
		var lines [][]byte
		outcomes := map[int]error{}
		for i, b := range parts {
			lines = append(lines, b.Entries[0].Line)
			b.OnSettled(func(err error) {
				if _, again := outcomes[i]; again {
					t.Errorf("part %d announced twice", i)
				}
				if b := lines[i]; string(b) != "\xdb" {
					t.Errorf("announced, but its memory is in use: %q", b)
				}
				outcomes[i] = err
			})
			if i == 2 {
				b.Retain(1) // another route has it too
			}
			m.Merge(b, nil)
		}
		for i, want := range []string{"a", "b", "c"} {
			if got := string(m.Entries[i].Line); got != want {
				t.Fatalf("line %d is %q", i, got)
			}
		}
		m.Settle(vote)
		if len(outcomes) != 2 || outcomes[0] != vote || outcomes[1] != vote {
			t.Errorf("parts settled with %v, want %v", outcomes, vote)
		}
		if string(lines[2]) != "c" {
			t.Errorf("the part another route has is gone: %q", lines[2])
		}
		parts[2].Settle(nil)
		if got, ok := outcomes[2]; !ok || got != vote {
			t.Errorf("part 2 settled with %v, %v", got, ok)
		}
	}
}

// The callback may take memory from the pool at once: a source that is waiting
// for room does.
func TestMemoryIsBackBeforeTheCallback(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops things at random")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what one processor has put away another may not find
	p := new(Pool)
	b := batchOf(p, Labels{}, "x")
	k := b.arena.blocks[0]
	b.OnSettled(func(error) {
		if got := p.takeBytes(1); got != k {
			t.Error("the callback comes before the memory")
		}
	})
	b.Settle(nil)
}

// A callback that makes and settles batches, even merges, works: nothing is
// locked.
func TestCallbackMayUseBatches(t *testing.T) {
	p := new(Pool)
	done := false
	b := New(p, Labels{})
	b.OnSettled(func(error) {
		m := New(p, Labels{})
		m.OnSettled(func(error) { done = true })
		m.Merge(batchOf(p, Labels{}, "y"), nil)
		m.Settle(nil)
	})
	b.Settle(nil)
	if !done {
		t.Error("not done")
	}
}

// References are taken and dropped from many goroutines while each reads; the
// race detector watches.
func TestConcurrentRetain(t *testing.T) {
	p := &Pool{Poison: true}
	b := batchOf(p, Labels{}, "shared")
	line := b.Entries[0].Line
	calls := 0
	b.OnSettled(func(err error) {
		calls++
		if err != errTest || string(line) == "shared" {
			t.Errorf("outcome %v, line %q", err, line)
		}
	})
	b.Retain(8)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 1000 {
				b.Retain(1)
				if string(b.Entries[0].Line) != "shared" {
					t.Error("line changed under a reference")
				}
				b.Settle(nil)
			}
			var vote error
			if g == 3 {
				vote = errTest
			}
			b.Settle(vote)
		})
	}
	b.Settle(nil)
	wg.Wait()
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
}
