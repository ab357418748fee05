package pipeline

import (
	"container/list"
	"context"
	"sync"
)

// A budget bounds the bytes in flight. Every source has a share: half of the
// budget is divided into guarantees, the other half is lent to whoever asks
// first, so that a source whose route is dead cannot starve the others.
//
// A waiter waits on a channel, never on the lock. Of one share the waiters are
// served in turn; of different ones, whoever fits.
type budget struct {
	max int

	mu       sync.Mutex
	used     int
	shares   map[*share]struct{}
	reserved int       // the sum of all claims
	waiters  list.List // of *waiter, oldest first
	shut     bool      // the hard stop: nobody waits any more
}

// A share is what one source has taken of the budget.
type share struct {
	used    int
	batches int
	waiting int
	joined  bool // it is among the budget's shares
	lifted  bool // the source is being stopped
	extra   int  // bytes taken since
}

type waiter struct {
	share   *share
	n       int
	granted chan struct{}
	refused bool          // the budget was shut; final once granted is closed
	place   *list.Element // nil once granted, refused or given up
}

func newBudget(max int) *budget {
	return &budget{max: max, shares: map[*share]struct{}{}}
}

// join gives s a part in the division of guarantees.
func (b *budget) join(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.lifted, s.extra, s.joined = false, 0, true
	b.shares[s] = struct{}{}
	b.reserve()
}

// leave takes a stopped source out of the division of guarantees. What it still
// has in flight counts until it is given back.
func (b *budget) leave(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.shares, s)
	s.joined = false
	b.reserve()
	b.wake()
}

// reserve adds up the claims anew. The caller holds the lock.
func (b *budget) reserve() {
	b.reserved = 0
	for s := range b.shares {
		b.reserved += b.claim(s)
	}
}

// claim is what s may still take under its guarantee.
func (b *budget) claim(s *share) int {
	if !s.joined {
		return 0
	}
	return max(0, b.max/2/len(b.shares)-s.used)
}

// lift lets through what s has read and not sent yet, what waits at once: it is
// delivered rather than read again. The source is stopped next. If it goes on
// sending all the same, it is let have as much again as the whole budget, and
// then it waits as before.
func (b *budget) lift(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.lifted = true
	b.wake()
}

// close refuses all that wait, now and later.
func (b *budget) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = true
	b.wake()
}

// tryTake takes n bytes if they are to be had at once.
func (b *budget) tryTake(s *share, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.waiting > 0 || !b.fits(s, n) {
		return false
	}
	b.grant(s, n)
	return true
}

// take waits for n bytes. A grant that races with the end of ctx wins. It
// returns ctx's cause, or ErrClosed.
func (b *budget) take(ctx context.Context, s *share, n int) error {
	w := b.enqueue(s, n)
	select {
	case <-w.granted:
		return w.outcome()
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.place == nil {
		return w.outcome()
	}
	b.dequeue(w)
	b.wake()
	return context.Cause(ctx)
}

func (w *waiter) outcome() error {
	if w.refused {
		return ErrClosed
	}
	return nil
}

func (b *budget) enqueue(s *share, n int) *waiter {
	w := &waiter{share: s, n: n, granted: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	w.place = b.waiters.PushBack(w)
	s.waiting++
	b.wake()
	return w
}

func (b *budget) dequeue(w *waiter) {
	b.waiters.Remove(w.place)
	w.place = nil
	w.share.waiting--
}

func (b *budget) give(s *share, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.batches--
	b.add(s, -n)
	b.wake()
}

// grow accounts for n bytes more of a batch that was granted already: what
// processors added. It cannot wait, so the next batch does.
func (b *budget) grow(s *share, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(s, n)
}

func (b *budget) grant(s *share, n int) {
	s.batches++
	if s.lifted {
		s.extra += n
	}
	b.add(s, n)
}

func (b *budget) add(s *share, n int) {
	b.reserved -= b.claim(s)
	s.used += n
	b.used += n
	b.reserved += b.claim(s)
}

// fits says whether s may take n bytes now. The caller holds the lock.
func (b *budget) fits(s *share, n int) bool {
	claim := b.claim(s)
	if s.batches == 0 || n <= claim || s.lifted && s.extra < b.max {
		return true
	}
	// What others may still claim under their guarantees is not for lending.
	return b.used+n+b.reserved-claim <= b.max
}

// wake grants all that fits, oldest first, but never past an older waiter of
// the same share. Once shut it refuses all. The caller holds the lock.
func (b *budget) wake() {
	var passed map[*share]bool
	for e := b.waiters.Front(); e != nil; {
		w := e.Value.(*waiter)
		e = e.Next()
		if b.shut {
			b.dequeue(w)
			w.refused = true
			close(w.granted)
			continue
		}
		if passed[w.share] {
			continue
		}
		if b.fits(w.share, w.n) {
			b.dequeue(w)
			b.grant(w.share, w.n)
			close(w.granted)
			continue
		}
		if passed == nil {
			passed = map[*share]bool{}
		}
		passed[w.share] = true
	}
}

// inUse is the number of bytes taken.
func (b *budget) inUse() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
