package labelset

import (
	"slices"
	"sync"

	"github.com/logferry/logferry/batch"
)

// Other is the value of labels that would make yet another set.
const Other = "other"

// A Pair is the name of a label, which is valid, and a value, which is clean: see
// [Clean].
type Pair struct{ Name, Value string }

// A Register knows which label sets there are. Safe for concurrent use.
type Register struct {
	mu       sync.Mutex
	sets     map[batch.Labels]struct{} // as they were asked for
	reduced  map[batch.Labels]struct{} // with Other in them
	values   map[Pair]struct{}         // that occur in sets
	overflow bool
}

// NewRegister returns a Register that knows of none.
func NewRegister() *Register {
	return &Register{sets: map[batch.Labels]struct{}{}, reduced: map[batch.Labels]struct{}{}, values: map[Pair]struct{}{}}
}

// Enter returns the set of labels, no two of which have the same name, or one that
// stands for it if that would be more than most: the labels with new values are
// Other in it, or all of them once there are as many sets of this kind. What was
// replaced is lost. The first time that this happens, overflow is true. Asked again
// for the same labels, the answer is the same: once there are most sets there will
// be no other, nor other values.
func (r *Register) Enter(labels []Pair, most int) (set batch.Labels, lost []Pair, overflow bool) {
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
	isNew := func(l Pair) bool { _, ok := r.values[l]; return !ok }
	set, lost = reduce(labels, isNew)
	if _, ok := r.reduced[set]; ok {
		return set, lost, overflow
	}
	if len(r.reduced) < most {
		r.reduced[set] = struct{}{}
		return set, lost, overflow
	}
	// Known values in ever new combinations.
	set, lost = reduce(labels, func(Pair) bool { return true })
	return set, lost, overflow
}

// reduce returns the set of labels with the value Other for some of them.
func reduce(labels []Pair, some func(Pair) bool) (set batch.Labels, lost []Pair) {
	kept := slices.Clone(labels)
	for i, l := range labels {
		if some(l) {
			kept[i].Value = Other
			lost = append(lost, l)
		}
	}
	return setOf(kept), lost
}

func setOf(labels []Pair) batch.Labels {
	flat := make([]string, 0, 2*len(labels))
	for _, l := range labels {
		flat = append(flat, l.Name, l.Value)
	}
	return batch.MustLabels(flat...)
}
