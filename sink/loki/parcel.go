package loki

import (
	"cmp"
	"slices"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A parcel is what a Write has for one set of labels.
type parcel struct {
	m   *mapping
	idx []int32 // the entries worth sending, by time
}

// sort makes the parcels of the batch, in the order of their first entries, and fails what is not worth sending.
func (d *delivery) sort() {
	b := d.w.b
	d.idx = slices.Grow(d.idx[:0], len(b.Entries))[:len(b.Entries)]
	if l, ok := onlyLabels(b); ok {
		d.parcels = append(d.parcels, parcel{m: d.sink.mappings.of(l), idx: d.idx[:0]})
		for i := range b.Entries {
			d.admit(&d.parcels[0], int32(i))
		}
	} else {
		d.sortMixed()
	}
	for k := range d.parcels {
		d.schedule(&d.parcels[k])
	}
}

// onlyLabels returns the labels of all entries of b, if they are the same.
func onlyLabels(b *batch.Batch) (batch.Labels, bool) {
	first := b.LabelsOf(0)
	for i := range b.Entries {
		if b.LabelsOf(i) != first {
			return batch.Labels{}, false
		}
	}
	return first, true
}

// sortMixed is a counting sort.
func (d *delivery) sortMixed() {
	b := d.w.b
	if d.of == nil {
		d.of = make(map[batch.Labels]int)
	}
	for i := range b.Entries {
		l := b.LabelsOf(i)
		k, found := d.of[l]
		if !found {
			k = len(d.parcels)
			d.of[l] = k
			d.parcels = append(d.parcels, parcel{m: d.sink.mappings.of(l)})
			d.counts = append(d.counts, 0)
		}
		d.counts[k]++
	}
	next := 0
	for k, n := range d.counts {
		d.parcels[k].idx = d.idx[next : next : next+n]
		next += n
	}
	for i := range b.Entries {
		d.admit(&d.parcels[d.of[b.LabelsOf(i)]], int32(i))
	}
	// Streams of one tenant can share a request.
	slices.SortStableFunc(d.parcels, func(p, q parcel) int { return cmp.Compare(p.m.tenant, q.m.tenant) })
}

// admit checks entry i and adds it to p.
func (d *delivery) admit(p *parcel, i int32) {
	err := p.m.err
	if err == nil {
		err = checkEntry(p.m, &d.w, i, d.sink.cfg.MaxLine)
	}
	if err != nil {
		d.failures = append(d.failures, sink.Failure{Index: int(i), Err: err})
		return
	}
	p.idx = append(p.idx, i)
}
