package batch

import (
	"bytes"
	"strconv"
	"testing"
	"time"
)

// Each round makes and settles one batch of this many entries; the figures per
// entry are reported beside those per batch.
const benchEntries = 500

func perEntry(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
}

var benchLine = bytes.Repeat([]byte("x"), 120)

func BenchmarkAppend(b *testing.B) {
	p := new(Pool)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Labels{})
		for range benchEntries {
			x.Append(at, benchLine)
		}
		x.Settle(nil)
	}
	perEntry(b)
}

func BenchmarkAppendAttrs(b *testing.B) {
	p := new(Pool)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Labels{})
		for range benchEntries {
			x.Append(at, benchLine, Attr{"trace", "4bf92f3577b34da6"}, Attr{"level", "info"})
		}
		x.Settle(nil)
	}
	perEntry(b)
}

// As a source that reads blocks does it.
func BenchmarkAppendShared(b *testing.B) {
	p := new(Pool)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x := New(p, Labels{})
		x.Grow(benchEntries)
		buf := x.Buffer(len(benchLine) * benchEntries)
		for i := range benchEntries {
			x.AppendShared(at, buf[i*len(benchLine):(i+1)*len(benchLine)])
		}
		x.Settle(nil)
	}
	perEntry(b)
}

func BenchmarkMerge(b *testing.B) {
	idx := make([]int32, benchEntries)
	for i := range idx {
		idx[i] = int32(i)
	}
	for _, c := range []struct {
		name  string
		merge func(m, src *Batch)
	}{
		{"all", func(m, src *Batch) { m.Merge(src, nil) }},
		{"idx", func(m, src *Batch) { m.Merge(src, idx) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := new(Pool)
			src := New(p, MustLabels("app", "shop"))
			for range benchEntries {
				src.Append(time.Time{}, benchLine)
			}
			b.ReportAllocs()
			for b.Loop() {
				m := New(p, Labels{})
				src.Retain(1)
				c.merge(m, src)
				m.Settle(nil)
			}
			perEntry(b)
		})
	}
}

func BenchmarkLabels(b *testing.B) {
	l := MustLabels("app", "shop", "env", "prod", "host", "node-17", "zone", "eu-west-1a")
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if l.Get("zone") == "" {
				b.Fatal("lost")
			}
		}
	})
	b.Run("With/known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := l.With("level", "info"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("With/new", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			if _, err := l.With("pod", strconv.Itoa(n)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("String", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if l.String() == "" {
				b.Fatal("empty")
			}
		}
	})
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = l.Append(buf[:0])
		}
	})
	b.Run("MapKey", func(b *testing.B) {
		m := map[Labels]int{l: 1}
		b.ReportAllocs()
		for b.Loop() {
			if m[l] != 1 {
				b.Fatal("lost")
			}
		}
	})
}

// Settle of one reference among many, and the last one of a batch of 100
// parts.
func BenchmarkSettle(b *testing.B) {
	b.Run("reference", func(b *testing.B) {
		x := New(nil, Labels{})
		b.ReportAllocs()
		for b.Loop() {
			x.Retain(1)
			x.Settle(nil)
		}
	})
	b.Run("reference/parallel", func(b *testing.B) {
		x := New(nil, Labels{})
		x.Retain(0)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				x.Retain(1)
				x.Settle(nil)
			}
		})
	})
	b.Run("100 parts", func(b *testing.B) {
		p := new(Pool)
		line := []byte("x")
		b.ReportAllocs()
		for b.Loop() {
			m := New(p, Labels{})
			for range 100 {
				x := New(p, Labels{})
				x.Append(time.Time{}, line)
				m.Merge(x, nil)
			}
			m.Settle(nil)
		}
	})
}

// One in ten is dropped for a reason, of what is then appended again.
func BenchmarkDrop(b *testing.B) {
	for _, c := range []struct {
		name string
		of   int
	}{{"none", benchEntries + 1}, {"one in ten", 10}} {
		b.Run(c.name, func(b *testing.B) {
			x := New(nil, Labels{})
			b.ReportAllocs()
			for b.Loop() {
				for len(x.Entries) < benchEntries {
					x.AppendShared(time.Time{}, benchLine)
				}
				i := 0
				x.Drop("tenth", func(*Entry) bool { i++; return i%c.of == 0 })
			}
			perEntry(b)
		})
	}
}
