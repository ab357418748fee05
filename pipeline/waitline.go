package pipeline

import "container/heap"

// A waitline has who waits in order: shards by when what they hold came, jobs by
// when they may be written again.
type waitline[T waits[T]] struct{ h waitheap[T] }

// waits is what knows its turn, and its place in a waitline; -1: in none.
type waits[T any] interface {
	before(T) bool
	place() int
	moved(to int)
}

func (w *waitline[T]) len() int { return len(w.h) }

// head is who comes first; there must be one.
func (w *waitline[T]) head() T { return w.h[0] }

func (w *waitline[T]) all() []T { return w.h }

// put takes x in, or moves it if its turn has changed.
func (w *waitline[T]) put(x T) {
	if x.place() < 0 {
		heap.Push(&w.h, x)
		return
	}
	heap.Fix(&w.h, x.place())
}

// remove takes x out, if it is in.
func (w *waitline[T]) remove(x T) {
	if x.place() >= 0 {
		heap.Remove(&w.h, x.place())
	}
}

// reorder puts everybody in order again after many turns have changed.
func (w *waitline[T]) reorder() { heap.Init(&w.h) }

// waitheap is for container/heap.
type waitheap[T waits[T]] []T

func (h waitheap[T]) Len() int           { return len(h) }
func (h waitheap[T]) Less(i, j int) bool { return h[i].before(h[j]) }
func (h waitheap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].moved(i)
	h[j].moved(j)
}

func (h *waitheap[T]) Push(x any) {
	t := x.(T)
	t.moved(len(*h))
	*h = append(*h, t)
}

func (h *waitheap[T]) Pop() any {
	var none T
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = none
	*h = old[:len(old)-1]
	t.moved(-1)
	return t
}
