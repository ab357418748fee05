package container

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// who is what the entries of a container tell of it.
type who struct {
	labels batch.Labels
	attrs  []batch.Attr // sorted by key, and never changed
}

const (
	// other is the value of labels that would make yet another stream.
	other = "other"
	// maxValue bounds values, in bytes. Loki refuses a stream with a label value
	// of more than 2,048, and attributes are repeated with each entry.
	maxValue = 1024
	// lonely is the label of containers that have none.
	lonely = "container"
)

// A register knows which label sets there are, so that containers that come and
// go do not make ever more streams. It outlives Run, as the streams do. Safe for
// concurrent use.
type register struct {
	mu       sync.Mutex
	sets     map[batch.Labels]struct{} // as containers have them
	reduced  map[batch.Labels]struct{} // with "other" in them
	values   map[pair]struct{}         // that occur in sets
	overflow bool
}

// A pair is a label or an attribute.
type pair struct{ name, value string }

func newRegister() *register {
	return &register{sets: map[batch.Labels]struct{}{}, reduced: map[batch.Labels]struct{}{}, values: map[pair]struct{}{}}
}

// identify returns who c is. The first time that a set is too many, overflow is
// true.
func (r *register) identify(p *plan, c *summary) (w who, overflow bool) {
	labels, attrs := pairs(p.labels, c), pairs(p.attrs, c)
	var lost []pair
	if len(labels) == 0 {
		// A stream without a label is refused by Loki. A name might be one of
		// any number, which was not asked for, so it does not name the stream.
		w.labels = batch.MustLabels(lonely, other)
		lost = []pair{{lonely, clean(c.name)}}
	} else {
		w.labels, lost, overflow = r.enter(labels, p.MaxLabelSets)
	}
	for _, l := range lost {
		if l.value != "" && !slices.ContainsFunc(attrs, func(a pair) bool { return a.name == l.name }) {
			attrs = append(attrs, l)
		}
	}
	slices.SortFunc(attrs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	w.attrs = make([]batch.Attr, len(attrs))
	for i, a := range attrs {
		w.attrs[i] = batch.Attr{Key: a.name, Value: a.value}
	}
	return w, overflow
}

// enter returns the label set of labels, or one that stands for it if that would
// be one too many; lost are the labels that are not in it then.
func (r *register) enter(labels []pair, most int) (set batch.Labels, lost []pair, overflow bool) {
	set = setOf(labels)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.sets[set]; ok {
		return set, nil, false
	}
	if len(r.sets) < most {
		r.sets[set] = struct{}{}
		for _, l := range labels {
			r.values[l] = struct{}{}
		}
		return set, nil, false
	}
	overflow, r.overflow = !r.overflow, true
	isNew := func(l pair) bool { _, ok := r.values[l]; return !ok }
	set, lost = reduce(labels, isNew)
	if _, ok := r.reduced[set]; ok {
		return set, lost, overflow
	}
	if len(r.reduced) < most {
		r.reduced[set] = struct{}{}
		return set, lost, overflow
	}
	// Known values in ever new combinations.
	set, lost = reduce(labels, func(pair) bool { return true })
	return set, lost, overflow
}

// reduce returns the set of labels with the value "other" for some of them.
func reduce(labels []pair, some func(pair) bool) (set batch.Labels, lost []pair) {
	kept := slices.Clone(labels)
	for i, l := range labels {
		if some(l) {
			kept[i].value = other
			lost = append(lost, l)
		}
	}
	return setOf(kept), lost
}

// setOf makes a set of labels whose names were checked and whose values are clean.
func setOf(labels []pair) batch.Labels {
	flat := make([]string, 0, 2*len(labels))
	for _, l := range labels {
		flat = append(flat, l.name, l.value)
	}
	return batch.MustLabels(flat...)
}

// pairs returns what c has of names.
func pairs(names []naming, c *summary) (all []pair) {
	for _, n := range names {
		if v := clean(n.field.of(c)); v != "" {
			all = append(all, pair{n.name, v})
		}
	}
	return all
}

// clean makes text a value that labels and attributes can have: UTF-8, and not
// longer than maxValue.
func clean(v string) string {
	v = strings.ToValidUTF8(v, "\uFFFD")
	if len(v) <= maxValue {
		return v
	}
	end := maxValue
	for !utf8.RuneStart(v[end]) {
		end--
	}
	return strings.Clone(v[:end])
}
