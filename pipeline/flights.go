package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// flights lists batches from the moment they are sent until they settle, oldest
// first. Flush and drain wait on it, Health asks it for the oldest.
type flights struct {
	mu     sync.Mutex
	seq    uint64
	oldest *flight
	newest *flight
	waits  []*flightWait
}

// A flight is one batch's place in the list. It is set up by add.
type flight struct {
	prev, next *flight
	seq        uint64
	sent       time.Time
}

// A flightWait is over when every flight up to seq has ended.
type flightWait struct {
	seq  uint64
	done chan struct{}
	lost bool // one of them was given back; final once done is closed
}

func (f *flights) add(a *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	a.seq, a.sent = f.seq, time.Now()
	a.prev = f.newest
	if f.newest != nil {
		f.newest.next = a
	} else {
		f.oldest = a
	}
	f.newest = a
}

// remove ends a flight; lost says that it was given back.
func (f *flights) remove(a *flight, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		f.oldest = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		f.newest = a.prev
	}
	a.prev, a.next = nil, nil
	rest := f.waits[:0]
	for _, w := range f.waits {
		w.lost = w.lost || lost && a.seq <= w.seq
		if f.ended(w.seq) {
			close(w.done)
		} else {
			rest = append(rest, w)
		}
	}
	clear(f.waits[len(rest):])
	f.waits = rest
}

// ended reports whether all flights up to seq have. The caller holds the lock.
func (f *flights) ended(seq uint64) bool { return f.oldest == nil || f.oldest.seq > seq }

// await lists who waits for every flight there is now.
func (f *flights) await() *flightWait {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &flightWait{seq: f.seq, done: make(chan struct{})}
	if f.ended(f.seq) {
		close(w.done)
		return w
	}
	f.waits = append(f.waits, w)
	return w
}

func (f *flights) forget(w *flightWait) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.waits, w); i >= 0 {
		f.waits = slices.Delete(f.waits, i, i+1)
	}
}

// wait returns once every flight listed now has ended, and whether one of them
// was given back; or with ctx's cause.
func (f *flights) wait(ctx context.Context) (lost bool, err error) {
	w := f.await()
	select {
	case <-w.done:
		return w.lost, nil
	case <-ctx.Done():
		f.forget(w)
		return false, context.Cause(ctx)
	}
}

// age is how long the oldest flight has been under way; 0: there is none.
func (f *flights) age() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.oldest == nil {
		return 0
	}
	return time.Since(f.oldest.sent)
}
