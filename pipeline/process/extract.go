package process

import (
	"sync"
	"sync/atomic"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// A finder finds in a line what its plan asks for. It reports whether the line is
// what it reads; if not, what it put into f does not count. It is called
// concurrently.
type finder interface {
	find(line []byte, f *findings) bool
}

// An extractor makes labels and attributes of what a finder finds.
type extractor struct {
	*plan
	finder   finder
	register *labelset.Register
	benches  sync.Pool

	parsed, malformed, cut, overflowed atomic.Int64
}

// setUp makes x ready, which must not be copied.
func (x *extractor) setUp(p *plan, f finder) {
	x.plan, x.finder, x.register = p, f, labelset.NewRegister()
	x.benches.New = func() any { return &bench{memory: newMemory(x.register, p.sets)} }
}

// A bench is what one goroutine works with while it has a batch.
type bench struct {
	memory
	texts
	findings findings
	attrs    []batch.Attr
	key      []byte
	tally    ParseStats
}

// ParseStats counts lines since a parser was made.
type ParseStats struct {
	Parsed     int64 // were what the parser reads
	Malformed  int64 // were not, and passed as they were
	Cut        int64 // of those parsed: a value was cut, or a field left out
	Overflowed int64 // of those parsed: label values became "other", as MaxLabelSets says
}

func (x *extractor) stats() ParseStats {
	return ParseStats{Parsed: x.parsed.Load(), Malformed: x.malformed.Load(), Cut: x.cut.Load(), Overflowed: x.overflowed.Load()}
}

// process does what Process of all parsers does.
func (x *extractor) process(b *batch.Batch) {
	w := x.benches.Get().(*bench)
	w.tally = ParseStats{}
	for i := range b.Entries {
		x.entry(w, b, i)
	}
	count(&x.parsed, w.tally.Parsed)
	count(&x.malformed, w.tally.Malformed)
	count(&x.cut, w.tally.Cut)
	count(&x.overflowed, w.tally.Overflowed)
	x.benches.Put(w)
}

func (x *extractor) entry(w *bench, b *batch.Batch, i int) {
	e, f := &b.Entries[i], &w.findings
	f.reset(x.plan)
	if !x.finder.find(e.Line, f) {
		w.tally.Malformed++
		return
	}
	w.tally.Parsed++
	w.attrs = append(w.attrs[:0], e.Attrs...)
	changed := x.label(w, b, i)
	if x.all {
		changed = w.addAll(x.plan, len(e.Attrs)) || changed
	}
	for k := x.labels; k < len(x.named); k++ {
		if v := f.values[k]; len(v.text) > 0 {
			w.attrs = setAttr(w.attrs, 0, x.named[k].name, w.keep(v, x.longest))
			changed = true
		}
	}
	if changed {
		b.SetAttrs(e, w.attrs)
	}
	if w.findings.cut || w.texts.cut {
		w.findings.cut, w.texts.cut = false, false
		w.tally.Cut++
	}
}

// setAttr sets an attribute, in place of one of that key at from or later.
func setAttr(attrs []batch.Attr, from int, key, value string) []batch.Attr {
	for i := from; i < len(attrs); i++ {
		if attrs[i].Key == key {
			attrs[i].Value = value
			return attrs
		}
	}
	return append(attrs, batch.Attr{Key: key, Value: value})
}

// addAll makes attributes of all findings. What the entry had before, the first
// n, is known from elsewhere, and no line can change it.
func (w *bench) addAll(p *plan, n int) bool {
	for _, f := range w.findings.all {
		key := w.name(w.findings.names[f.from:f.to])
		for hasAttr(w.attrs[:n], key) {
			w.key = append(append(w.key[:0], key...), "_extracted"...)
			key = w.name(w.key)
		}
		w.attrs = setAttr(w.attrs, n, key, w.keep(f.value, p.longest))
	}
	return len(w.findings.all) > 0
}

// label gives entry i the labels that were found, and reports whether it put
// something among the attributes.
func (x *extractor) label(w *bench, b *batch.Batch, i int) bool {
	key, some, longest := w.key[:0], false, min(x.longest, labelset.MaxValue)
	for k := range x.labels {
		v := &w.findings.values[k]
		key = appendValue(key, v, longest)
		some = some || len(v.text) > 0
	}
	if w.key = key; !some {
		return false
	}
	r := w.amount(key, func() []labelset.Pair { return w.pairs(x.plan, longest) })
	if r.set == (batch.Labels{}) {
		return false
	}
	b.Entries[i].Labels = r.onto(b.LabelsOf(i))
	for _, l := range r.lost {
		w.attrs = setAttr(w.attrs, 0, l.Name, l.Value)
	}
	return len(r.lost) > 0
}

// amount returns what the labels whose key is key amount to, and notes what of them
// was cut or is too much. If that is not known any more, pairs makes them.
func (w *bench) amount(key []byte, pairs func() []labelset.Pair) *recalled {
	r := w.recall(key)
	if r == nil {
		r = w.resolve(key, pairs())
		r.cut = w.texts.cut
	}
	w.texts.cut = w.texts.cut || r.cut
	if len(r.lost) > 0 {
		w.tally.Overflowed++
	}
	return r
}

// pairs returns the labels that were found.
func (w *bench) pairs(p *plan, longest int) (all []labelset.Pair) {
	for k, n := range p.named[:p.labels] {
		if v := w.keepLabel(w.findings.values[k], longest); v != "" {
			all = append(all, labelset.Pair{Name: n.name, Value: v})
		}
	}
	return all
}
