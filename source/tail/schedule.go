package tail

import (
	"container/heap"
	"time"
)

// pause is how long to leave something alone that has not changed for idle: a
// quarter of that, so that what is busy is looked at often and what is asleep
// costs next to nothing, within the bounds hot and cold.
func pause(idle, hot, cold time.Duration) time.Duration {
	return min(max(idle/4, hot), cold)
}

// aligned moves an appointment, wait from now, a little ahead to one that others
// have too: a thousand idle files shall not wake the processor a thousand times.
func aligned(now time.Time, wait time.Duration) time.Time {
	t := now.Add(wait)
	if grain := (wait / 8).Truncate(minGrain); grain > 0 {
		return t.Truncate(grain)
	}
	return t
}

// minGrain is the least distance of such appointments.
const minGrain = 100 * time.Millisecond

// A schedule holds when each file is to be looked at next.
type schedule struct{ heap dueHeap }

// set makes f due at t, in place of any earlier appointment.
func (s *schedule) set(f *file, t time.Time) {
	f.due = t
	if f.place < 0 {
		heap.Push(&s.heap, f)
		return
	}
	heap.Fix(&s.heap, f.place)
}

// hasten makes f due at t unless it is sooner.
func (s *schedule) hasten(f *file, t time.Time) {
	if f.place < 0 || t.Before(f.due) {
		s.set(f, t)
	}
}

func (s *schedule) remove(f *file) {
	if f.place >= 0 {
		heap.Remove(&s.heap, f.place)
	}
}

// pop removes and returns a file that is due at now, nil if there is none.
func (s *schedule) pop(now time.Time) *file {
	if len(s.heap) == 0 || s.heap[0].due.After(now) {
		return nil
	}
	return heap.Pop(&s.heap).(*file)
}

// next is when the first file is due; ok is false if there is none.
func (s *schedule) next() (t time.Time, ok bool) {
	if len(s.heap) == 0 {
		return time.Time{}, false
	}
	return s.heap[0].due, true
}

type dueHeap []*file

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *dueHeap) Push(x any) {
	f := x.(*file)
	f.place = len(*h)
	*h = append(*h, f)
}

func (h *dueHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	f.place = -1
	return f
}
