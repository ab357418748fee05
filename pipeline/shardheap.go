package pipeline

import "container/heap"

// shardHeap orders shards by when they are due: the end of a linger, or of a
// wait before a Write is repeated. A shard is in one heap at most.
type shardHeap []*shard

func (h shardHeap) Len() int           { return len(h) }
func (h shardHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h shardHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for container/heap only.
func (h *shardHeap) Push(x any) {
	s := x.(*shard)
	s.place = len(*h)
	*h = append(*h, s)
}

// Pop is for container/heap only.
func (h *shardHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.place = -1
	return s
}

func (h *shardHeap) remove(s *shard) {
	if s.place >= 0 {
		heap.Remove(h, s.place)
	}
}
