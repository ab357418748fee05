package batch

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func batchOf(p *Pool, l Labels, lines ...string) *Batch {
	b := New(p, l)
	for _, s := range lines {
		b.Append(time.Time{}, []byte(s))
	}
	return b
}

func TestMerge(t *testing.T) {
	la, lb, own := MustLabels("of", "a"), MustLabels("of", "b"), MustLabels("own", "x")
	a := batchOf(nil, la, "a0", "a1", "a2")
	a.Entries[1].Labels = own
	b := batchOf(nil, lb, "b0", "b1", "b2", "b3")
	empty := batchOf(nil, lb)
	b.Retain(2)
	m := batchOf(nil, Labels{}, "m0")
	m.Merge(b, []int32{3, 1})
	m.Merge(empty, nil)
	m.Merge(a, nil)
	m.Merge(b, []int32{})
	m.MergeRange(b, 1, 3)
	m.Append(time.Time{}, []byte("m8"))
	if got := text(m); !slices.Equal(got, []string{"m0", "b3", "b1", "a0", "a1", "a2", "b1", "b2", "m8"}) {
		t.Fatalf("got %q", got)
	}
	wantLabels := []Labels{{}, lb, lb, la, own, la, lb, lb, {}}
	for i, want := range wantLabels {
		if m.Entries[i].Labels != want {
			t.Errorf("entry %d has labels %v, want %v", i, m.Entries[i].Labels, want)
		}
	}
	type origin struct {
		b *Batch
		i int
	}
	want := []origin{{m, 0}, {b, 3}, {b, 1}, {a, 0}, {a, 1}, {a, 2}, {b, 1}, {b, 2}, {m, 8}}
	for i, w := range want {
		if from, k := m.Origin(i); from != w.b || k != w.i {
			t.Errorf("Origin(%d) is %d of another batch, want %d", i, k, w.i)
		}
	}
	done := 0
	for _, x := range []*Batch{a, empty} { // b is held by its maker too
		x.settled = func(error) { done++ }
	}
	m.Settle(nil)
	if done != 2 {
		t.Errorf("%d parts have settled, want 2", done)
	}
}

func TestMergedLinesAreNotCopied(t *testing.T) {
	a := batchOf(nil, Labels{}, "line")
	m := New(nil, Labels{})
	m.Merge(a, nil)
	if &m.Entries[0].Line[0] != &a.Entries[0].Line[0] {
		t.Error("copied")
	}
	if m.arena.held != 0 || m.Memory() != cap(m.Entries)*HeaderBytes {
		t.Errorf("the merged batch holds %d", m.Memory())
	}
}

// A dead letter is merged from a batch that was merged itself.
func TestNestedMerge(t *testing.T) {
	p := &Pool{Poison: true}
	src := batchOf(p, MustLabels("a", "b"), "0", "1", "2", "3", "4", "5")
	var order []string
	note := func(name string) func(error) {
		return func(err error) { order = append(order, fmt.Sprint(name, " ", err)) }
	}
	src.OnSettled(note("src"))
	route := New(p, Labels{})
	route.OnSettled(note("route"))
	route.MergeRange(src, 2, 6)
	letter := New(p, Labels{})
	letter.OnSettled(note("letter"))
	route.Retain(1)
	letter.Merge(route, []int32{3, 0})
	if got := text(letter); !slices.Equal(got, []string{"5", "2"}) {
		t.Fatalf("got %q", got)
	}
	from, i := letter.Origin(0)
	if from != route || i != 3 {
		t.Fatalf("origin is entry %d of the wrong batch", i)
	}
	if from, i = from.Origin(i); from != src || i != 5 {
		t.Fatalf("origin of the origin is entry %d of the wrong batch", i)
	}
	line := letter.Entries[0].Line
	route.Settle(nil)
	if len(order) != 0 || string(line) != "5" {
		t.Fatalf("too early: %q, line %q", order, line)
	}
	letter.Settle(errTest)
	if want := []string{"src test", "route test", "letter test"}; !slices.Equal(order, want) {
		t.Errorf("settled in the order %q, want %q", order, want)
	}
	if string(line) != "\xdb" {
		t.Errorf("the line outlives its batch: %q", line)
	}
}

func TestSubset(t *testing.T) {
	own := MustLabels("own", "1")
	b := batchOf(nil, MustLabels("a", "b"), "0", "1", "2")
	b.Entries[2].Labels = own
	b.Retain(0)
	v := b.Subset([]int32{2, 0, 2})
	if got := text(v); !slices.Equal(got, []string{"2", "0", "2"}) {
		t.Errorf("got %q", got)
	}
	if &v.Entries[1].Line[0] != &b.Entries[0].Line[0] {
		t.Error("lines were copied")
	}
	if v.Size() != 3 || len(b.Subset(nil).Entries) != 0 {
		t.Error("wrong size")
	}
	vv := v.Subset([]int32{1})
	if got := text(vv); !slices.Equal(got, []string{"0"}) {
		t.Errorf("subset of a subset: %q", got)
	}
	run := b.SubsetRange(1, 3)
	if got := text(run); !slices.Equal(got, []string{"1", "2"}) || &run.Entries[0] != &b.Entries[1] || cap(run.Entries) != 2 {
		t.Errorf("range: %q, of %d", got, cap(run.Entries))
	}
	if run.LabelsOf(0) != b.Labels || run.LabelsOf(1) != own {
		t.Errorf("range: labels %v, %v", run.LabelsOf(0), run.LabelsOf(1))
	}
	for _, v := range []*Batch{v, vv, run} {
		mustPanic(t, "Retain", func() { v.Retain(1) })
		mustPanic(t, "Settle", func() { v.Settle(nil) })
		mustPanic(t, "Append", func() { v.Append(time.Time{}, nil) })
		mustPanic(t, "AppendShared", func() { v.AppendShared(time.Time{}, nil) })
		mustPanic(t, "Buffer", func() { v.Buffer(1) })
		mustPanic(t, "Grow", func() { v.Grow(1) })
		mustPanic(t, "Filter", func() { v.Filter(func(*Entry) bool { return true }) })
		mustPanic(t, "OnSettled", func() { v.OnSettled(nil) })
		m := New(nil, Labels{})
		// At once, not when m settles and half of its parts have.
		mustPanic(t, "Merge", func() { m.Merge(v, nil) })
		mustPanic(t, "Merge", func() { m.Merge(v, []int32{0}) })
		if len(m.parts) != 0 {
			t.Error("the refused part was noted")
		}
	}
	b.Settle(nil)
}

// Many small parts must not cost a copy of all before each of them.
func TestMergeManyParts(t *testing.T) {
	const n = 20_000
	src := batchOf(nil, Labels{}, "x")
	src.Retain(n)
	m := New(&Pool{MaxKeep: 1}, Labels{}) // nothing is rounded up by the pool
	moves, last := 0, 0
	for range n {
		m.Merge(src, nil)
		if c := cap(m.Entries); c != last {
			moves, last = moves+1, c
		}
	}
	if moves > 20 {
		t.Errorf("%d parts moved the headers %d times", n, moves)
	}
	if h := m.headers.older; h != nil {
		t.Error("a merged batch keeps what it has outgrown")
	}
	m.Settle(nil)
	src.Settle(nil)
}
