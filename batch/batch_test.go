package batch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

func text(b *Batch) []string {
	var all []string
	for i := range b.Entries {
		all = append(all, string(b.Entries[i].Line))
	}
	return all
}

func TestAppendCopies(t *testing.T) {
	b := New(nil, Labels{})
	line := []byte("hello")
	attrs := []Attr{{"k", "v"}}
	at := time.Unix(47, 0)
	b.Append(at, line, attrs...)
	b.AppendShared(at, line, attrs...)
	copy(line, "HELLO")
	attrs[0] = Attr{"K", "V"}
	if got := string(b.Entries[0].Line); got != "hello" {
		t.Errorf("Append kept the caller's memory: %q", got)
	}
	if got := string(b.Entries[1].Line); got != "HELLO" {
		t.Errorf("AppendShared copied: %q", got)
	}
	for i := range b.Entries {
		if e := &b.Entries[i]; !slices.Equal(e.Attrs, []Attr{{"k", "v"}}) || !e.Time.Equal(at) {
			t.Errorf("entry %d: attrs %v, time %v", i, e.Attrs, e.Time)
		}
	}
}

func TestEmptyLines(t *testing.T) {
	b := New(new(Pool), Labels{})
	b.Append(time.Time{}, nil)
	b.Append(time.Time{}, []byte{})
	b.AppendShared(time.Time{}, nil)
	b.AppendShared(time.Time{}, b.Buffer(0))
	if len(b.Entries) != 4 || b.Size() != 0 {
		t.Errorf("%d entries of %d bytes", len(b.Entries), b.Size())
	}
	b.Settle(nil)
}

// Every buffer is where it was, with what was put in, however many follow; and
// none can be grown into its neighbour.
func TestBuffersNeverMove(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	p := &Pool{MaxKeep: 4096}
	for round := range 20 {
		b := New(p, Labels{})
		type piece struct {
			got  []byte
			at   *byte
			fill byte
		}
		var pieces []piece
		for i := range 500 {
			n := r.IntN(200)
			if r.IntN(50) == 0 {
				n = r.IntN(20_000)
			}
			buf := b.Buffer(n)
			if len(buf) != n || cap(buf) != n {
				t.Fatalf("seed %d: Buffer(%d) has length %d and capacity %d", seed, n, len(buf), cap(buf))
			}
			fill := byte(i)
			for k := range buf {
				buf[k] = fill
			}
			pieces = append(pieces, piece{buf, unsafe.SliceData(buf), fill})
			_ = append(buf, 0xEE) // must reallocate
			if i%3 == 0 {
				b.AppendShared(time.Time{}, buf)
				_ = append(b.Entries[len(b.Entries)-1].Line, 0xEE)
			}
		}
		for i, pc := range pieces {
			if unsafe.SliceData(pc.got) != pc.at {
				t.Fatalf("seed %d, round %d: buffer %d moved", seed, round, i)
			}
			for _, c := range pc.got {
				if c != pc.fill {
					t.Fatalf("seed %d, round %d: buffer %d was overwritten", seed, round, i)
				}
			}
		}
		b.Settle(nil)
	}
}

// Lines cut from one buffer lie side by side: whoever appends to one of them
// gets a copy.
func TestLinesAreClipped(t *testing.T) {
	b := New(nil, Labels{})
	buf := b.Buffer(10)
	copy(buf, "firstother")
	b.AppendShared(time.Time{}, buf[:5])
	b.AppendShared(time.Time{}, buf[5:])
	b.Append(time.Time{}, []byte("x"))
	b.Append(time.Time{}, []byte("y"))
	for i := range b.Entries {
		_ = append(b.Entries[i].Line, "!!!!!"...)
	}
	if got := text(b); !slices.Equal(got, []string{"first", "other", "x", "y"}) {
		t.Errorf("got %q", got)
	}
}

func TestAttrsStay(t *testing.T) {
	b := New(nil, Labels{})
	var want [][]Attr
	for i := range 300 {
		var attrs []Attr
		for k := range i % 7 {
			attrs = append(attrs, Attr{fmt.Sprintf("k%d", k), fmt.Sprintf("%d/%d", i, k)})
		}
		if i == 100 {
			for k := range 50 { // more than a run holds
				attrs = append(attrs, Attr{"many", fmt.Sprint(k)})
			}
		}
		b.Append(time.Time{}, []byte("x"), attrs...)
		want = append(want, attrs)
	}
	for i := range b.Entries {
		_ = append(b.Entries[i].Attrs, Attr{"intruder", "!"})
	}
	for i := range want {
		if got := b.Entries[i].Attrs; !slices.Equal(got, want[i]) {
			t.Fatalf("entry %d: attrs %v, want %v", i, got, want[i])
		}
	}
}

func TestFilter(t *testing.T) {
	b := New(nil, Labels{})
	for _, s := range []string{"a", "b", "c", "d", "e"} {
		b.Append(time.Time{}, []byte(s))
	}
	all := b.Entries
	b.Filter(func(e *Entry) bool {
		e.Attrs = []Attr{{"seen", "yes"}}
		return string(e.Line) != "a" && string(e.Line) != "d"
	})
	if got := text(b); !slices.Equal(got, []string{"b", "c", "e"}) {
		t.Errorf("got %q", got)
	}
	for i := range b.Entries {
		if len(b.Entries[i].Attrs) != 1 {
			t.Errorf("entry %d: what keep changed is lost", i)
		}
	}
	for _, e := range all[3:] {
		if e.Line != nil {
			t.Error("a header that was filtered out keeps its line alive")
		}
	}
	b.Filter(func(*Entry) bool { return false })
	b.Filter(func(*Entry) bool { t.Error("called for nothing"); return true })
	if len(b.Entries) != 0 {
		t.Errorf("%d entries are left", len(b.Entries))
	}
	b.Append(time.Time{}, []byte("again"))
	if got := text(b); !slices.Equal(got, []string{"again"}) {
		t.Errorf("got %q", got)
	}
}

func TestGrow(t *testing.T) {
	for _, p := range []*Pool{nil, new(Pool)} {
		b := New(p, Labels{})
		b.Append(time.Time{}, []byte("first"))
		b.Grow(1000)
		at := unsafe.SliceData(b.Entries)
		for range 1000 {
			b.Append(time.Time{}, nil)
		}
		if unsafe.SliceData(b.Entries) != at || string(b.Entries[0].Line) != "first" {
			t.Error("entries moved though there was room")
		}
		b.Grow(0)
		b.Grow(-5)
		b.Settle(nil)
	}
}

// A processor that splits lines appends while it loops over the entries. What
// it loops over must stay what it was, whoever else takes from the pool.
func TestAppendInLoop(t *testing.T) {
	p := &Pool{Poison: true}
	b := New(p, Labels{})
	for i := range 100 {
		b.Append(time.Time{}, fmt.Appendf(nil, "%d,%d'", i, i))
	}
	var want []string
	for i, e := range b.Entries {
		for part := range strings.SplitSeq(fmt.Sprintf("%d,%d'", i, i), ",") {
			want = append(want, part)
		}
		for part := range bytes.SplitSeq(e.Line, []byte(",")) {
			b.AppendShared(e.Time, part)
		}
		other := New(p, Labels{})
		other.Grow(1 << (i % 8))
		for range 1 << (i % 8) {
			other.AppendShared(time.Time{}, []byte("OTHER"))
		}
		defer other.Settle(nil)
	}
	if got := text(b)[100:]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	b.Settle(nil)
}

func TestLabelsOf(t *testing.T) {
	own, of := MustLabels("own", "1"), MustLabels("of", "batch")
	b := New(nil, of)
	b.Append(time.Time{}, nil)
	b.Append(time.Time{}, nil)
	b.Entries[1].Labels = own
	if b.LabelsOf(0) != of || b.LabelsOf(1) != own {
		t.Errorf("got %v, %v", b.LabelsOf(0), b.LabelsOf(1))
	}
	v := b.Subset([]int32{1, 0})
	if v.LabelsOf(0) != own || v.LabelsOf(1) != of {
		t.Errorf("of a subset: %v, %v", v.LabelsOf(0), v.LabelsOf(1))
	}
}

func TestSize(t *testing.T) {
	b := New(nil, Labels{})
	b.Append(time.Time{}, []byte("12345"), Attr{"ab", "cde"}, Attr{"", "f"})
	b.Append(time.Time{}, []byte("1"))
	if b.Size() != 5+2+3+1+1 || b.Entries[0].Size() != 11 {
		t.Errorf("Size = %d, of the first %d", b.Size(), b.Entries[0].Size())
	}
}

func TestClone(t *testing.T) {
	p := &Pool{Poison: true}
	b := New(p, Labels{})
	b.Append(time.Unix(1, 2), []byte("kept"), Attr{"k", "v"})
	b.Entries[0].Labels = MustLabels("a", "b")
	c, raw := b.Entries[0].Clone(), b.Entries[0].Line
	c.Attrs[0].Value = "changed"
	if b.Entries[0].Attrs[0].Value != "v" {
		t.Error("the clone shares attributes")
	}
	b.Settle(nil)
	if string(c.Line) != "kept" || !c.Time.Equal(time.Unix(1, 2)) || c.Labels != MustLabels("a", "b") {
		t.Errorf("clone is %v", c)
	}
	if string(raw) != "\xdb\xdb\xdb\xdb" {
		t.Errorf("a line that was kept without Clone reads %q", raw)
	}
}

func TestTag(t *testing.T) {
	b := New(nil, Labels{})
	if b.Tag() != nil {
		t.Error("a new batch has a tag")
	}
	b.SetTag(4)
	b.SetTag(7)
	b.Retain(0)
	if b.Tag() != 7 {
		t.Errorf("Tag = %v", b.Tag())
	}
	mustPanic(t, "SetTag on a shared batch", func() { b.SetTag(1) })
	b.Settle(nil)
}

// A processor that adds attributes leaves the slices that were there alone, and
// the batch knows what they weigh.
func TestSetAttrs(t *testing.T) {
	b := New(nil, Labels{})
	b.Append(time.Time{}, nil, Attr{"a", "1"})
	b.Append(time.Time{}, nil, Attr{"b", "2"})
	e, before := &b.Entries[0], b.Entries[0].Attrs
	memory := b.Memory()
	more := append(slices.Clone(before), Attr{"c", strings.Repeat("x", 10_000)})
	b.SetAttrs(e, more)
	if !slices.Equal(e.Attrs, more) || !slices.Equal(before, []Attr{{"a", "1"}}) {
		t.Errorf("%v, and the slice from before is %v", e.Attrs, before)
	}
	more[0].Value = "changed"
	if e.Attrs[0].Value != "1" || !slices.Equal(b.Entries[1].Attrs, []Attr{{"b", "2"}}) {
		t.Errorf("changed from outside: %v, %v", e.Attrs, b.Entries[1].Attrs)
	}
	if more := b.Memory() - memory; more < 10_000 {
		t.Errorf("Memory grew by %d, less than what was put in", more)
	}
	memory = b.Memory()
	b.SetAttrs(e, append(slices.Clone(e.Attrs), Attr{"d", "4"}))
	if more := b.Memory() - memory; more > 100*attrBytes {
		t.Errorf("Memory grew by %d for one attribute more", more)
	}
	b.SetAttrs(e, nil)
	if e.Attrs != nil {
		t.Errorf("%v is left", e.Attrs)
	}
	b.Retain(1)
	defer func() {
		if recover() == nil {
			t.Error("SetAttrs changed a batch that is shared")
		}
	}()
	b.SetAttrs(e, more)
}
