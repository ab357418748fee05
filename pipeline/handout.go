package pipeline

import "sync"

// A handout is the parts of one batch, by the number of the route that takes
// them.
type handout [][]part

// handouts recycles the memory of handouts.
type handouts struct{ pool sync.Pool }

func (h *handouts) take(routes int) *handout {
	o, ok := h.pool.Get().(*handout)
	if !ok {
		made := make(handout, routes)
		o = &made
	}
	return o
}

// give forgets what o refers to. The routes have copies of the parts.
func (h *handouts) give(o *handout) {
	for i, parts := range *o {
		if cap(parts) > maxSpare {
			(*o)[i] = nil
			continue
		}
		clear(parts)
		(*o)[i] = parts[:0]
	}
	h.pool.Put(o)
}
