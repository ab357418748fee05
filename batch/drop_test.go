package batch

import (
	"slices"
	"testing"
	"time"
)

func TestDrop(t *testing.T) {
	b := New(nil, Labels{})
	for _, s := range []string{"a", "b", "c", "d", "e"} {
		b.Append(time.Time{}, []byte(s))
	}
	all := b.Entries
	is := func(lines string) func(*Entry) bool {
		return func(e *Entry) bool {
			e.Attrs = []Attr{{"seen", lines}}
			return slices.Contains([]byte(lines), e.Line[0])
		}
	}
	b.Drop("first", is("ad"))
	b.Drop("none", is("xyz"))
	b.Drop("second", is("b"))
	b.Drop("first", is("c"))
	if got := text(b); !slices.Equal(got, []string{"e"}) || b.Entries[0].Attrs[0].Value != "c" {
		t.Errorf("got %q, %v", got, b.Entries[0].Attrs)
	}
	for _, e := range all[1:] {
		if e.Line != nil {
			t.Error("a header that was dropped keeps its line alive")
		}
	}
	want := []Dropped{{"first", 3}, {"second", 1}}
	if got := b.Drops(); !slices.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	taken := b.TakeDrops()
	b.Drop("first", is("e"))
	if !slices.Equal(taken, want) || !slices.Equal(b.Drops(), []Dropped{{"first", 1}}) {
		t.Errorf("took %v and then counted %v", taken, b.Drops())
	}
	mustPanic(t, "Drop without a reason", func() { b.Drop("", is("")) })
	b.Retain(1)
	mustPanic(t, "Drop of a shared batch", func() { b.Drop("late", is("")) })
	mustPanic(t, "TakeDrops of a shared batch", func() { b.TakeDrops() })
	b.Settle(nil)
	b.Settle(nil)
	if b.Drops() != nil {
		t.Error("counts outlive the batch")
	}
}

// What never got into a batch is counted with what was taken out of it.
func TestCountDrop(t *testing.T) {
	b := New(nil, Labels{})
	b.Append(time.Time{}, []byte("line"))
	b.CountDrop("full", 3)
	b.CountDrop("none", 0)
	b.Drop("full", func(*Entry) bool { return true })
	if d := b.TakeDrops(); len(d) != 1 || d[0] != (Dropped{"full", 4}) || len(b.Entries) != 0 {
		t.Errorf("counted %v", d)
	}
	mustPanic(t, "CountDrop without a reason", func() { b.CountDrop("", 1) })
	b.Retain(1)
	mustPanic(t, "CountDrop of a shared batch", func() { b.CountDrop("full", 1) })
	b.Settle(nil)
	b.Settle(nil)
}

// Where nothing is dropped, nothing is allocated.
func TestDropAllocatesNothing(t *testing.T) {
	b := New(nil, Labels{})
	b.Append(time.Time{}, []byte("line"))
	limit := 17
	if n := testing.AllocsPerRun(100, func() {
		b.Drop("long", func(e *Entry) bool { return len(e.Line) > limit })
		b.Filter(func(e *Entry) bool { return len(e.Line) <= limit })
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
