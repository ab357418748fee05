package sourcetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/logferry/logferry/batch"
)

// A Receiver stands in for the pipeline behind a [source.Outlet]: it keeps a
// copy of all that arrives, in order, and settles it at once, or when the test
// says so.
//
// The zero Receiver is ready for use and settles at once. It makes batches from
// a pool that poisons released memory. It has no goroutines, so it works in
// testing/synctest bubbles too, and is safe for concurrent use. What arrived is
// never let go of.
type Receiver struct {
	once sync.Once
	pool batch.Pool

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	holding  bool
	room     int
	held     int
	waiting  int
	hastened int
	arrived  []*Parcel
	faults   []error
}

func (r *Receiver) init() {
	r.once.Do(func() {
		r.pool.Poison = true
		r.changed = make(chan struct{})
	})
}

// NewBatch implements [source.Receiver].
func (r *Receiver) NewBatch(l batch.Labels) *batch.Batch {
	r.init()
	return batch.New(&r.pool, l)
}

// Receive implements [source.Receiver]. It waits while there is no room, see
// SetRoom. Once ctx is done it takes nothing more, even if there is room, so
// that a source that counts on a last Send is found out.
func (r *Receiver) Receive(ctx context.Context, b *batch.Batch, settled func(error)) error {
	r.init()
	b.OnSettled(settled)
	if err := r.admit(ctx); err != nil {
		b.Settle(err)
		return err
	}
	b.Retain(0) // read-only from here on: a source that goes on changing it panics
	p := newParcel(r, b)
	r.mu.Lock()
	r.arrived = append(r.arrived, p)
	holding := r.holding
	r.note()
	r.mu.Unlock()
	if !holding {
		p.Deliver()
	}
	return nil
}

// admit waits for room and takes one place.
func (r *Receiver) admit(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil && !r.hasRoom() {
		r.waiting++
		r.note() // once: those who wait for room would wake each other for ever
		defer func() { r.waiting-- }()
	}
	for ctx.Err() == nil {
		if r.hasRoom() {
			r.held++
			return nil
		}
		r.sleep(ctx)
	}
	return context.Cause(ctx)
}

func (r *Receiver) hasRoom() bool { return r.room == 0 || r.held < r.room }

// sleep lets go of the lock until something changes or ctx is done.
func (r *Receiver) sleep(ctx context.Context) {
	changed := r.changed
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// note tells everybody who sleeps to look again. The caller holds the lock.
func (r *Receiver) note() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// wake makes everybody who waits look again.
func (r *Receiver) wake() {
	r.init()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note()
}

// Hasten implements [source.Receiver]; see Hastened.
func (r *Receiver) Hasten() (done func()) {
	r.init()
	r.mu.Lock()
	r.hastened++
	r.note()
	r.mu.Unlock()
	return sync.OnceFunc(func() {
		r.mu.Lock()
		r.hastened--
		r.note()
		r.mu.Unlock()
	})
}

// Hold makes r keep what arrives from now on, until it is settled by way of its
// [Parcel] or Release is called.
func (r *Receiver) Hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holding = true
}

// Release ends Hold and delivers what is held, in the order of its arrival.
func (r *Receiver) Release() {
	r.mu.Lock()
	r.holding = false
	r.mu.Unlock()
	for _, p := range r.Held() {
		p.Deliver()
	}
}

// SetRoom makes Receive wait while n batches are held. Zero, as at first: it
// never waits.
func (r *Receiver) SetRoom(n int) {
	r.init()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.room = n
	r.note()
}

// Arrived returns all that was taken, in the order of arrival, settled or not.
func (r *Receiver) Arrived() []*Parcel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrived)
}

// Held returns what is not settled, in the order of arrival.
func (r *Receiver) Held() []*Parcel { return r.only(Held) }

// Delivered returns what was settled with nil, in the order of arrival.
func (r *Receiver) Delivered() []*Parcel { return r.only(Delivered) }

func (r *Receiver) only(f Fate) []*Parcel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []*Parcel
	for _, p := range r.arrived {
		if p.fate == f {
			some = append(some, p)
		}
	}
	return some
}

// Lines returns the lines of all that was delivered, in the order of arrival.
func (r *Receiver) Lines() []string { return lines(r.Delivered()) }

func lines(parcels []*Parcel) []string {
	var all []string
	for _, p := range parcels {
		all = append(all, p.Lines()...)
	}
	return all
}

// Waiting returns how many calls of Receive wait for room.
func (r *Receiver) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

// Hastened returns how many callers of Hasten have not called its result yet.
func (r *Receiver) Hastened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hastened
}

// Wait returns nil once cond holds, and the cause of ctx if that is done first.
// cond is called now and after each change, with no lock held.
func (r *Receiver) Wait(ctx context.Context, cond func() bool) error {
	r.init()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// WaitLines waits until n lines have been delivered, and returns all that were
// by then. It returns fewer only with an error, the cause of ctx.
func (r *Receiver) WaitLines(ctx context.Context, n int) ([]string, error) {
	err := r.Wait(ctx, func() bool { return len(r.Lines()) >= n })
	return r.Lines(), err
}

// Err returns nil, or what the source did that it must not: it changed memory
// it had sent. Batches are looked at when they are settled, so hold them for a
// while to give a source the time to do it.
func (r *Receiver) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.faults...)
}
