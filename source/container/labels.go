package container

import (
	"slices"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

// who is what the entries of a container tell of it.
type who struct {
	labels batch.Labels
	attrs  []batch.Attr // sorted by key, and never changed
}

// lonely is the label of containers that have none.
const lonely = "container"

// A register knows which label sets there are, so that containers that come and
// go do not make ever more streams. It outlives Run, as the streams do. Safe for
// concurrent use.
type register struct{ sets *labelset.Register }

func newRegister() *register { return &register{labelset.NewRegister()} }

// identify returns who c is. The first time that a set is too many, overflow is
// true.
func (r *register) identify(p *plan, c *summary) (w who, overflow bool) {
	labels, attrs := pairs(p.labels, c), pairs(p.attrs, c)
	var lost []labelset.Pair
	if len(labels) == 0 {
		// A stream without a label is refused by Loki. A name might be one of
		// any number, which was not asked for, so it does not name the stream.
		w.labels = batch.MustLabels(lonely, labelset.Other)
		lost = []labelset.Pair{{Name: lonely, Value: labelset.Clean(c.name)}}
	} else {
		w.labels, lost, overflow = r.sets.Enter(labels, p.MaxLabelSets)
	}
	for _, l := range lost {
		if l.Value != "" && !slices.ContainsFunc(attrs, func(a labelset.Pair) bool { return a.Name == l.Name }) {
			attrs = append(attrs, l)
		}
	}
	slices.SortFunc(attrs, func(a, b labelset.Pair) int { return strings.Compare(a.Name, b.Name) })
	w.attrs = make([]batch.Attr, len(attrs))
	for i, a := range attrs {
		w.attrs[i] = batch.Attr{Key: a.Name, Value: a.Value}
	}
	return w, overflow
}

// pairs returns what c has of names.
func pairs(names []naming, c *summary) (all []labelset.Pair) {
	for _, n := range names {
		if v := labelset.Clean(n.field.of(c)); v != "" {
			all = append(all, labelset.Pair{Name: n.name, Value: v})
		}
	}
	return all
}
