package process

import (
	"sync"
	"time"
)

// A roll has a state for each key, and no more than so many: what comes beyond has
// none, until others have been idle.
type roll[K comparable, S state] struct {
	most int
	make func(now time.Time) S

	mu     sync.Mutex
	states map[K]S
	swept  time.Time
}

// A state is a lock and what it guards.
type state interface {
	sync.Locker
	TryLock() bool
	// idle reports whether a new state would be the same. The caller has the lock.
	idle(now time.Time) bool
}

// get returns the state of a key, and whether there is one.
func (r *roll[K, S]) get(k K, now time.Time) (S, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.states[k]
	if ok {
		return s, true
	}
	if len(r.states) >= r.most {
		r.sweep(now)
	}
	if len(r.states) >= r.most {
		return s, false
	}
	if r.states == nil {
		r.states = map[K]S{}
	}
	s = r.make(now)
	r.states[k] = s
	return s, true
}

// sweep forgets states that are idle. It looks at all of them, and so not often.
// Whoever has just got one that is forgotten works with it to no effect.
func (r *roll[K, S]) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Second {
		return
	}
	r.swept = now
	for k, s := range r.states {
		// One that is locked is not idle. Nothing waits while it holds r.mu.
		if s.TryLock() {
			if s.idle(now) {
				delete(r.states, k)
			}
			s.Unlock()
		}
	}
}
