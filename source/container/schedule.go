package container

import (
	"container/heap"
	"time"
)

// A schedule has the followers that workers come to, the one that is due first
// in front. The lock of its crew guards it.
type schedule []*follower

// put adds f, or moves it, to be due at the given time.
func (s *schedule) put(f *follower, at time.Time) {
	f.at = at
	if f.index > 0 {
		heap.Fix(s, f.index-1)
		return
	}
	heap.Push(s, f)
}

func (s *schedule) remove(f *follower) { heap.Remove(s, f.index-1) }

// first is the follower that is due first; nil if there is none.
func (s schedule) first() *follower {
	if len(s) == 0 {
		return nil
	}
	return s[0]
}

// Len, Less, Swap, Push and Pop are for package heap.
func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	f := x.(*follower)
	*s = append(*s, f)
	f.index = len(*s)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	f := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	f.index = 0
	return f
}
