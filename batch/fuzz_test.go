package batch

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// An ideal is what a Batch should be, told without arenas and counts: a list of
// strings, holders, and parts that end with it.
type ideal struct {
	b       *Batch
	entries []idealEntry
	refs    int
	shared  bool
	parts   []*ideal
	dropped map[string]int
	moved   bool // entries were, so that Origin does not know
	failed  bool
	settled int
	outcome error
}

type idealEntry struct {
	line   string
	labels Labels
	attrs  int
	origin *ideal
	index  int // in origin; -1: whatever its place is now
}

// machine runs operations on a few batches and their ideals.
type machine struct {
	t    *testing.T
	pool *Pool
	all  []*ideal
	code []byte
	n    int // lines made
}

func (m *machine) next() int {
	if len(m.code) == 0 {
		return 0
	}
	c := m.code[0]
	m.code = m.code[1:]
	return int(c)
}

var fuzzLabels = []Labels{{}, MustLabels("l", "1"), MustLabels("l", "2", "m", "3")}

func (m *machine) create() {
	d := &ideal{b: New(m.pool, fuzzLabels[m.next()%3]), refs: 1, dropped: map[string]int{}}
	d.b.OnSettled(func(err error) { d.settled++; d.outcome = err })
	m.all = append(m.all, d)
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{0, 0, 1, 0, 5, 0, 1, 1, 4, 1, 6, 1, 0, 9, 0, 1, 9, 1, 0})
	f.Add([]byte("\x00\x01\x01\x00\x63\x02\x01\x00\x63\x03\x00\x40\x05\x00\x00\x01\x06\x00\x01\x08\x00\x02\x09\x00\x00\x09\x00\x01"))
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 400 {
			return
		}
		m := &machine{t: t, pool: &Pool{Poison: true, MaxKeep: 4096}, code: code}
		m.create()
		for len(m.code) > 0 {
			m.step(m.next(), m.all[m.next()%len(m.all)])
			for _, d := range m.all {
				m.check(d)
			}
		}
		for _, d := range m.all {
			for d.refs > 0 && !m.isPart(d) {
				m.settle(d, nil)
			}
		}
		for _, d := range m.all {
			m.check(d)
			if d.settled != 1 {
				t.Fatalf("settled %d times", d.settled)
			}
		}
	})
}

// isPart reports whether the last reference to d is held by a batch it was
// merged into.
func (m *machine) isPart(d *ideal) bool {
	n := 0
	for _, o := range m.all {
		if o.refs > 0 {
			for _, p := range o.parts {
				if p == d {
					n++
				}
			}
		}
	}
	return n == d.refs
}

func (m *machine) step(op int, d *ideal) {
	switch op % 11 {
	case 0:
		if len(m.all) < 6 {
			m.create()
		}
	case 1, 2, 3:
		m.append(d, op%11)
	case 4:
		mod := m.next()%4 + 1
		m.change(d, func() {
			k := 0
			if reason := fmt.Sprint(mod); mod > 2 {
				d.b.Drop(reason, func(*Entry) bool { k++; return k%mod == 0 })
				d.dropped[reason] += len(d.entries) / mod
			} else {
				d.b.Filter(func(*Entry) bool { k++; return k%mod != 0 })
			}
			var kept []idealEntry
			for i, e := range d.entries {
				if (i+1)%mod != 0 {
					kept = append(kept, e)
				}
			}
			d.moved = len(d.parts) > 0
			d.entries = kept
		})
	case 5:
		n := m.next()
		m.change(d, func() { d.b.Grow(n - 10) })
	case 6:
		m.merge(d, m.all[m.next()%len(m.all)])
	case 7:
		n := m.next() % 3
		if d.refs == 0 {
			mustPanic(m.t, "Retain of a dead batch", func() { d.b.Retain(n) })
			return
		}
		d.b.Retain(n)
		d.refs, d.shared = d.refs+n, true
	case 8, 9:
		var err error
		if op%11 == 9 {
			err = errTest
		}
		if d.refs > 0 && m.isPart(d) {
			return // not ours to drop
		}
		m.settle(d, err)
	case 10:
		if n := len(d.entries); n > 0 && d.refs > 0 {
			i := m.next() % n
			v := d.b.Subset([]int32{int32(i), 0})
			if got := string(v.Entries[0].Line); got != d.entries[i].line {
				m.t.Fatalf("subset gives %q, want %q", got, d.entries[i].line)
			}
		}
	}
}

// change runs f if d may be changed, else sees it refused.
func (m *machine) change(d *ideal, f func()) {
	if d.shared || d.refs == 0 {
		mustPanic(m.t, "a change of a batch that is not exclusive", func() { d.b.Append(time.Time{}, nil) })
		mustPanic(m.t, "a change of a batch that is not exclusive", func() { d.b.Grow(1) })
		return
	}
	f()
}

func (m *machine) append(d *ideal, how int) {
	size, attrs := m.next(), make([]Attr, m.next()%4)
	m.change(d, func() {
		m.n++
		line := fmt.Sprintf("%d-%0*d", m.n, size*size/16+1, m.n)
		for i := range attrs {
			attrs[i] = Attr{fmt.Sprint(m.n), fmt.Sprint(i)}
		}
		switch how {
		case 1:
			d.b.Append(time.Time{}, []byte(line), attrs...)
		case 2:
			buf := d.b.Buffer(len(line))
			copy(buf, line)
			d.b.AppendShared(time.Time{}, buf, attrs...)
		case 3:
			// In the middle of a larger buffer, as a source that reads blocks.
			buf := d.b.Buffer(len(line) + 9)
			copy(buf[4:], line)
			d.b.AppendShared(time.Time{}, buf[4:4+len(line)], attrs...)
		}
		d.entries = append(d.entries, idealEntry{line: line, attrs: len(attrs), origin: d, index: -1})
	})
}

func (m *machine) merge(d, p *ideal) {
	how := m.next()
	// A merge into itself or in a circle would wait for itself.
	if d == p || p.refs == 0 || reaches(p, d) || len(d.entries)+len(p.entries) > 300 || len(d.parts) > 20 {
		return
	}
	if d.shared || d.refs == 0 {
		mustPanic(m.t, "Merge into a batch that is not exclusive", func() { d.b.Merge(p.b, nil) })
		return
	}
	var idx []int
	switch how % 3 {
	case 0:
		for i := range p.entries {
			idx = append(idx, i)
		}
	case 1:
		for i := range p.entries {
			if (i+how)%3 != 0 {
				idx = append(idx, i)
			}
		}
	case 2:
		lo := min(how/3, len(p.entries))
		for i := lo; i < len(p.entries); i++ {
			idx = append(idx, i)
		}
	}
	p.b.Retain(1)
	p.refs, p.shared = p.refs+1, true
	switch how % 3 {
	case 0:
		d.b.Merge(p.b, nil)
	case 1:
		idx32 := []int32{}
		for _, i := range idx {
			idx32 = append(idx32, int32(i))
		}
		d.b.Merge(p.b, idx32)
	case 2:
		d.b.MergeRange(p.b, min(how/3, len(p.entries)), len(p.entries))
	}
	d.parts = append(d.parts, p)
	for _, i := range idx {
		e := p.entries[i]
		if e.labels == (Labels{}) {
			e.labels = p.b.Labels
		}
		e.origin, e.index = p, i
		d.entries = append(d.entries, e)
	}
}

// reaches reports whether to was merged into from, by whatever way.
func reaches(from, to *ideal) bool {
	return slices.ContainsFunc(from.parts, func(p *ideal) bool { return p == to || reaches(p, to) })
}

func (m *machine) settle(d *ideal, err error) {
	if d.refs == 0 {
		mustPanic(m.t, "Settle of a dead batch", func() { d.b.Settle(err) })
		return
	}
	d.vote(err != nil)
	d.b.Settle(err)
}

func (d *ideal) vote(failed bool) {
	d.failed = d.failed || failed
	if d.refs--; d.refs == 0 {
		for _, p := range d.parts {
			p.vote(d.failed)
		}
	}
}

func (m *machine) check(d *ideal) {
	t, b := m.t, d.b
	if d.refs == 0 {
		if d.settled != 1 || (d.outcome != nil) != d.failed {
			t.Fatalf("settled %d times with %v; failed is %v", d.settled, d.outcome, d.failed)
		}
		if len(b.Entries) != 0 || b.Memory() != 0 || len(b.Drops()) != 0 {
			t.Fatalf("a dead batch has %d entries, %d bytes and counts of %v", len(b.Entries), b.Memory(), b.Drops())
		}
		return
	}
	dropped := map[string]int{}
	for _, x := range b.Drops() {
		dropped[x.Reason] += x.Entries
	}
	maps.DeleteFunc(d.dropped, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(dropped, d.dropped) {
		t.Fatalf("dropped %v, want %v", dropped, d.dropped)
	}
	if d.settled != 0 || len(b.Entries) != len(d.entries) {
		t.Fatalf("settled %d times with %d references left; %d entries, want %d", d.settled, d.refs, len(b.Entries), len(d.entries))
	}
	size := 0
	for i := range d.entries {
		want, got := &d.entries[i], &b.Entries[i]
		if string(got.Line) != want.line || len(got.Attrs) != want.attrs || got.Labels != want.labels {
			t.Fatalf("entry %d: %q %v %v, want %q %d attributes %v", i, got.Line, got.Attrs, got.Labels, want.line, want.attrs, want.labels)
		}
		size += got.Size()
		if d.moved {
			continue
		}
		from, k := b.Origin(i)
		index := want.index
		if index < 0 {
			index = i
		}
		if from != want.origin.b || k != index {
			t.Fatalf("Origin(%d) = %d of some batch, want %d of its own", i, k, index)
		}
	}
	if b.Size() != size || b.Memory() < len(b.Entries)*HeaderBytes {
		t.Fatalf("Size %d, want %d; Memory %d", b.Size(), size, b.Memory())
	}
}
