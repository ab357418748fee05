package batch

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestPoolDropsGiants(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what one processor has put away another may not find
	p := &Pool{MaxKeep: 10_000}                     // not a power of two
	for _, n := range []int{1, 255, 256, 257, 4096, 8192, 8193, 9999, 10_000, 10_001, 16_384, 1 << 20} {
		k := p.takeBytes(n)
		if len(k.b) != 0 || cap(k.b) < n {
			t.Fatalf("takeBytes(%d): length %d, capacity %d", n, len(k.b), cap(k.b))
		}
		if cap(k.b) > 10_000 && cap(k.b) != n {
			t.Errorf("takeBytes(%d) has capacity %d, more than would be kept and more than was asked", n, cap(k.b))
		}
		kept := n <= 8192 // the largest power of two within MaxKeep
		p.giveBytes(k)
		if again := p.bytes[classOf(cap(k.b))].Get(); !raceEnabled && (again == any(k)) != kept {
			t.Errorf("%d bytes: kept is %v, want %v", n, again == any(k), kept)
		}
	}
	for _, n := range []int{1, 16, 100, 124, 125, 126, 1000} {
		h := p.takeHeaders(n)
		if len(h.e) != 0 || cap(h.e) < n {
			t.Fatalf("takeHeaders(%d): length %d, capacity %d", n, len(h.e), cap(h.e))
		}
		kept := cap(h.e)*HeaderBytes <= 10_000 && cap(h.e)&(cap(h.e)-1) == 0
		p.giveHeaders(h)
		if again := p.headers[classOf(cap(h.e))].Get(); !raceEnabled && (again == any(h)) != kept {
			t.Errorf("%d headers: kept is %v, want %v", n, again == any(h), kept)
		}
	}
}

// Whatever is asked for is given, beyond the largest class too. Taking that
// much for real would be too much for a test.
func TestClasses(t *testing.T) {
	for n := range 5000 {
		c := classOf(n)
		if 1<<c < n || n > 1 && 1<<(c-1) >= n {
			t.Fatalf("classOf(%d) = %d", n, c)
		}
	}
	for _, n := range []int{1<<30 + 1, 1<<31 - 1} {
		if c := classOf(n); c != maxClass {
			t.Errorf("classOf(%d) = %d", n, c)
		}
	}
}

func TestPoolPoisons(t *testing.T) {
	for _, n := range []int{10, 5000, 3 << 20} { // the last is not kept, but poisoned all the same
		p := &Pool{Poison: true}
		b := New(p, Labels{})
		line := b.Buffer(n)
		copy(line, "secret")
		b.AppendShared(time.Time{}, line)
		entries := b.Entries
		b.Settle(nil)
		if !bytes.Equal(line, bytes.Repeat([]byte{PoisonByte}, n)) {
			t.Errorf("%d bytes are not poisoned", n)
		}
		if entries[0].Line != nil {
			t.Error("the header still points to its line")
		}
	}
}

// A block of one batch is not part of another while the first one is alive.
func TestPoolDoesNotShare(t *testing.T) {
	p := &Pool{Poison: true}
	var live []*Batch
	for i := range 200 {
		b := New(p, Labels{})
		for k := range 20 {
			b.Append(time.Time{}, fmt.Appendf(nil, "batch %d line %d", i, k))
		}
		live = append(live, b)
		if len(live) > 5 {
			old := live[0]
			for k := range old.Entries {
				if want := fmt.Sprintf("batch %d line %d", i-5, k); string(old.Entries[k].Line) != want {
					t.Fatalf("got %q, want %q", old.Entries[k].Line, want)
				}
			}
			old.Settle(nil)
			live = live[1:]
		}
	}
	for _, b := range live {
		b.Settle(nil)
	}
}

// A batch is never recycled itself: one that was settled stays dead even when
// its memory lives on in another.
func TestStaleReference(t *testing.T) {
	p := new(Pool)
	old := New(p, Labels{})
	old.Append(time.Time{}, []byte("old"))
	old.Settle(nil)
	b := New(p, Labels{})
	b.Append(time.Time{}, []byte("new"))
	if len(old.Entries) != 0 {
		t.Error("the old batch has entries again")
	}
	mustPanic(t, "Append after Settle", func() { old.Append(time.Time{}, []byte("late")) })
	mustPanic(t, "Buffer after Settle", func() { old.Buffer(5) })
	mustPanic(t, "Retain after Settle", func() { old.Retain(2) })
	mustPanic(t, "Settle after Retain was refused", func() { old.Settle(nil) })
	mustPanic(t, "OnSettled after Settle", func() { old.OnSettled(func(error) {}) })
	if string(b.Entries[0].Line) != "new" {
		t.Errorf("line is %q", b.Entries[0].Line)
	}
	b.Settle(nil)
}

// Rounds of the same work take no more memory than the first few did.
func TestPoolDoesNotGrow(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops things at random")
	}
	p := new(Pool)
	line := bytes.Repeat([]byte("x"), 120)
	round := func() {
		src := New(p, Labels{})
		for range 500 {
			src.Append(time.Time{}, line)
		}
		src.Retain(1)
		m := New(p, Labels{})
		m.Merge(src, nil)
		src.Settle(nil)
		m.Settle(nil)
	}
	round()
	// The two Batches, their lists of blocks and parts, and little else: 500
	// entries cost nothing.
	if n := testing.AllocsPerRun(100, round); n > 15 {
		t.Errorf("%v allocations for two batches of 500 entries", n)
	}
}
