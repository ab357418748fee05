package process

import (
	"encoding/binary"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/labelset"
)

const (
	// maxRecalled is how many combinations of values are remembered, and
	// maxBases for how many label sets of entries each.
	maxRecalled = 1024
	maxBases    = 256
	// maxRecalledBytes bounds what is remembered of lines.
	maxRecalledBytes = 1 << 20
)

// A memory spares the work of making label sets: as a rule, lines say the same as
// those before. What it holds can be had again.
type memory struct {
	register *labelset.Register
	most     int
	known    map[string]*recalled
	held     int // bytes of keys in known
}

// A recalled is what values amount to.
type recalled struct {
	set  batch.Labels                  // zero if they make no label
	lost []labelset.Pair               // what is not in set, as there would be too many
	cut  bool                          // a value was too long
	on   map[batch.Labels]batch.Labels // set added to that of an entry

	last, lastOn batch.Labels // one of on
}

func newMemory(r *labelset.Register, most int) memory {
	return memory{register: r, most: most, known: map[string]*recalled{}}
}

// appendValue appends v to a key, so that no two lists of values that may differ
// in the end have the same key.
func appendValue(key []byte, v *value, longest int) []byte {
	text := v.text[:min(len(v.text), scanned(longest))]
	head := uint64(len(text)) << 1
	if v.quoted {
		head |= 1
	}
	return append(binary.AppendUvarint(key, head), text...)
}

// recall returns what was resolved for key, nil if that is not known any more.
func (m *memory) recall(key []byte) *recalled { return m.known[string(key)] }

// resolve finds out what the labels stand for, whose key is key.
func (m *memory) resolve(key []byte, labels []labelset.Pair) *recalled {
	r := &recalled{}
	if len(labels) > 0 {
		r.set, r.lost, _ = m.register.Enter(labels, m.most)
	}
	if m.held += len(key); len(m.known) >= maxRecalled || m.held > maxRecalledBytes {
		m.known, m.held = map[string]*recalled{}, len(key)
	}
	m.known[string(key)] = r
	return r
}

// onto returns base with the labels of r.
func (r *recalled) onto(base batch.Labels) batch.Labels {
	if base == r.last && r.lastOn != (batch.Labels{}) {
		return r.lastOn
	}
	sum, ok := r.on[base]
	if !ok {
		sum = base
		for name, value := range r.set.All() {
			if with, err := sum.With(name, value); err == nil { // they were valid before
				sum = with
			}
		}
		if r.on == nil || len(r.on) >= maxBases {
			r.on = map[batch.Labels]batch.Labels{}
		}
		r.on[base] = sum
	}
	r.last, r.lastOn = base, sum
	return sum
}
