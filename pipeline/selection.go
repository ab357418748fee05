package pipeline

import "github.com/logferry/logferry/batch"

// selectParts fills hand with the parts of b each route takes, and returns how
// many entries no route does.
func (e *Engine) selectParts(b *batch.Batch, hand handout) (unrouted int) {
	var taken []bool
	if e.allMatch {
		fillLabels(b)
		taken = make([]bool, len(b.Entries))
	} else if e.someMatch {
		fillLabels(b)
	}
	for i, r := range e.routes {
		idx, all := r.matching(b)
		if !all && len(idx) == 0 {
			continue
		}
		for _, j := range idx {
			if taken != nil {
				taken[j] = true
			}
		}
		if all {
			taken = nil
		}
		hand[i] = r.divide(hand[i], b, idx)
	}
	if taken == nil {
		return 0
	}
	for _, t := range taken {
		if !t {
			unrouted++
		}
	}
	return unrouted
}

// fillLabels gives every entry its labels, for a Match to see.
func fillLabels(b *batch.Batch) {
	for i := range b.Entries {
		b.Entries[i].Labels = b.LabelsOf(i)
	}
}

// matching returns the indices of b the route takes; all means every one.
func (r *route) matching(b *batch.Batch) (idx []int32, all bool) {
	if r.cfg.Match == nil {
		return nil, true
	}
	for i := range b.Entries {
		if r.cfg.Match(&b.Entries[i]) {
			idx = append(idx, int32(i))
		}
	}
	if len(idx) == len(b.Entries) {
		return nil, true
	}
	return idx, false
}

// divide appends the parts for the shards of r to parts, which is empty: one for
// each label set if the sink wants one stream per batch, else one in all. A nil
// idx means all.
func (r *route) divide(parts []part, b *batch.Batch, idx []int32) []part {
	if !r.grouping.perStream || uniform(b, idx) {
		key := b.Labels
		if r.grouping.perStream {
			key = b.LabelsOf(first(idx))
		}
		return append(parts, newPart(b, idx, key))
	}
	at := map[batch.Labels]int{}
	for k := range count(b, idx) {
		i := pick(idx, k)
		l := b.LabelsOf(i)
		n, ok := at[l]
		if !ok {
			n = len(parts)
			at[l] = n
			parts = append(parts, part{b: b, key: l})
		}
		parts[n].idx = append(parts[n].idx, int32(i))
		parts[n].size += b.Entries[i].Size()
	}
	for n := range parts {
		parts[n].hi = len(parts[n].idx)
	}
	return parts
}

// uniform reports whether all chosen entries have one label set.
func uniform(b *batch.Batch, idx []int32) bool {
	l := b.LabelsOf(first(idx))
	for k := range count(b, idx) {
		if b.LabelsOf(pick(idx, k)) != l {
			return false
		}
	}
	return true
}

func newPart(b *batch.Batch, idx []int32, key batch.Labels) part {
	p := part{b: b, idx: idx, hi: count(b, idx), key: key}
	for k := range p.hi {
		p.size += b.Entries[pick(idx, k)].Size()
	}
	return p
}

// An index list of nil stands for all entries; these three read either.

func count(b *batch.Batch, idx []int32) int {
	if idx == nil {
		return len(b.Entries)
	}
	return len(idx)
}

func pick(idx []int32, k int) int {
	if idx == nil {
		return k
	}
	return int(idx[k])
}

func first(idx []int32) int { return pick(idx, 0) }
