package loki

import (
	"hash/maphash"
	"sync"
)

// A recall remembers the times with which entries went out whose fate is open, so that they have them again when they
// are written again: Loki may have stored them, and takes an entry with another time for another entry. It knows entries
// by what they are, as a Write is given neither numbers nor memory that it could know them by.
type recall struct {
	mu   sync.Mutex
	seed maphash.Seed
	of   map[recallKey]int32 // the first in list
	list []recalled
}

type recallKey struct {
	own  int64
	text uint64 // a hash of the line and the attributes
}

type recalled struct {
	sent sentTime
	next int32 // of the same key; negative: none
}

// empty reports whether there is nothing to take.
func (r *recall) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.of) == 0
}

// take returns the time of entry i, and forgets it.
func (r *recall) take(w *draft, i int32) (s sentTime, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := r.key(w, i)
	k, found := r.of[key]
	if !found {
		return s, false
	}
	if next := r.list[k].next; next >= 0 {
		r.of[key] = next
	} else {
		delete(r.of, key)
	}
	return r.list[k].sent, true
}

// replace forgets everything and remembers those of idx that are open, by index; nil: none is.
func (r *recall) replace(w *draft, idx []int32, open []bool, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of, r.list = nil, nil
	if open == nil || w.sent == nil && !all {
		return
	}
	// Backwards, so that of several with the same key the first comes first.
	for n := len(idx) - 1; n >= 0; n-- {
		if i := idx[n]; open[i] && (all || w.sent[i] != sentTime{}) {
			r.add(w, i)
		}
	}
}

func (r *recall) add(w *draft, i int32) {
	if r.of == nil {
		r.of = make(map[recallKey]int32)
		r.seed = maphash.MakeSeed()
	}
	e := recalled{next: -1}
	if w.sent != nil {
		e.sent = w.sent[i]
	}
	key := r.key(w, i)
	if first, found := r.of[key]; found {
		e.next = first
	}
	r.of[key] = int32(len(r.list))
	r.list = append(r.list, e)
}

func (r *recall) key(w *draft, i int32) recallKey {
	e := w.entry(i)
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.Write(e.Line)
	for k := range e.Attrs {
		for _, text := range [2]string{e.Attrs[k].Key, e.Attrs[k].Value} {
			h.WriteByte(0)
			h.WriteString(text)
		}
	}
	return recallKey{e.Time.UnixNano(), h.Sum64()}
}
