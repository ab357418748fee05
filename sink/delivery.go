package sink

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/logferry/logferry/batch"
)

// A Delivery is the way of one batch through as many Writes as it takes. It does not wait itself: [Retry] does that
// around it, and so does a pipeline, whose waiting batches occupy no goroutine.
//
//	d := cfg.Begin(b)
//	for again := true; again; {
//		err := s.Write(ctx, d.Batch())
//		wait, again = d.Done(err)
//		... wait
//	}
//	err := d.Err()
//
// Where Limit says so, or an error that [TooLarge] marks, it goes in pieces: one piece after the other, in the order of
// the batch, and none before what is in front of it is delivered or refused for good. Who knows that some of what is left
// need not wait for that takes it out by Split.
//
// It belongs to one goroutine at a time and refers to its batch, which stays unsettled until the Delivery is over.
type Delivery struct {
	cfg   RetryConfig
	batch *batch.Batch
	begun time.Time // if cfg.MaxElapsed is set

	view  *batch.Batch // the batch, or those of its entries that idx names; nil: over
	idx   []int32      // where view's entries are in batch; nil: view is batch
	off   int          // so many of view's entries have met their fate
	now   *batch.Batch // what to write: the others, or the first of them; nil: over
	whole error        // why all of the others failed last; nil: they have not been written
	errs  []error      // or why each of view's entries did

	limit int // of bytes of now, by Limit; zero: none
	taken int // of bytes of now, by what was too large; zero: none

	failed []Failure // permanently, by index in batch, sorted
	held   int       // so many of what is left were in the last Write

	tries   int
	vain    int                         // Writes since the last piece that went well
	backoff *backoff.ExponentialBackOff // nil before the first failure
}

// errUntried is the error of entries that were to follow others.
var errUntried = errors.New("sink: not written yet")

// Begin returns a Delivery of b. It allocates nothing else before the first failure, if b goes in one piece.
func (c RetryConfig) Begin(b *batch.Batch) *Delivery {
	d := new(Delivery)
	d.begin(c, b)
	return d
}

func (d *Delivery) begin(c RetryConfig, b *batch.Batch) {
	d.cfg, d.batch, d.view, d.now = c, b, b, b
	if c.MaxElapsed > 0 {
		d.begun = time.Now()
	}
}

// Batch returns what to write now: first the batch itself or a piece of it, afterwards a view of entries that are
// neither delivered nor permanently failed. It is nil once Done has returned false.
func (d *Delivery) Batch() *batch.Batch { return d.now }

// Limit bounds what Batch returns from now on to that many bytes, by [batch.Batch.Size], or one entry; zero or less: no
// bound. It is for whoever is about to write, and not called during a Write. It looks at every entry that is left.
func (d *Delivery) Limit(bytes int) {
	d.limit = max(bytes, 0)
	if d.view != nil && d.left() > 0 {
		d.cut()
	}
}

// Done takes in what the Write of Batch returned. If again is true, Batch is to be written once more after wait. That is
// zero if there is nothing to wait for: a piece went well or was refused for good, and now it is another, or a smaller
// one.
func (d *Delivery) Done(err error) (wait time.Duration, again bool) {
	d.tries++
	d.vain++
	t := d.take(err)
	d.held = t.left
	switch {
	case t.left == 0:
		d.vain, d.backoff = 0, nil
	case t.asked == askedSmaller:
		d.vain--
	default:
		wait = d.next(t)
		d.giveUp(d.exhausted(t.left, wait))
	}
	d.cut()
	if d.now == nil {
		return 0, false
	}
	return wait, true
}

// Interrupted takes the place of [Delivery.Done] if the Write returned err because its ctx ended, and nothing more is
// to be tried: no entry becomes a permanent failure on account of Tries or MaxElapsed. [Delivery.Pending] are those
// whose fate is open.
func (d *Delivery) Interrupted(err error) {
	d.tries++
	d.held = d.take(err).left
	d.cut()
}

// Held returns those of Pending that were in the last Write: the others have not been written yet, or are to be written
// again, but wait for nothing but these.
func (d *Delivery) Held() []Failure { return d.pending(d.held) }

// Split takes out of d the entries that move, of those that are neither delivered nor permanently failed, by their index
// in the batch that was given to Begin, and returns a Delivery of them, whose first Write may be at once; nil if there
// are none or no others. Its indices are those of the same batch. It is not called during a Write. From then on the two
// are independent, and may be of different goroutines.
func (d *Delivery) Split(moves func(index int) bool) *Delivery {
	if d.view == nil {
		return nil
	}
	var kept, moved remains
	held := 0
	for i := range d.left() {
		at := d.origin(i)
		if moves(at) {
			moved.add(at, d.errOf(i))
			continue
		}
		kept.add(at, d.errOf(i))
		if i < d.held {
			held++
		}
	}
	if len(kept.idx) == 0 || len(moved.idx) == 0 {
		return nil
	}
	o := &Delivery{cfg: d.cfg, batch: d.batch, begun: d.begun, limit: d.limit, taken: d.taken, tries: d.tries}
	o.set(moved)
	o.now = o.view
	o.cut()
	d.set(kept)
	d.cut()
	d.held = held
	return o
}

// Tries is how many Writes there have been, those of pieces included.
func (d *Delivery) Tries() int { return d.tries }

// Failed returns the permanent failures so far by their index in the batch that was given to Begin, sorted. The caller
// must not change them.
func (d *Delivery) Failed() []Failure { return d.failed }

// Pending returns the entries that are neither delivered nor permanently failed by their index in the batch that was
// given to Begin, sorted, with the error of their last attempt, or one that says that there was none because others come
// first; nil if there was no Write yet.
func (d *Delivery) Pending() []Failure {
	if d.view == nil {
		return nil
	}
	return d.pending(d.left())
}

// pending is the first n of them.
func (d *Delivery) pending(n int) []Failure {
	if d.now == nil || d.tries == 0 {
		return nil
	}
	fs := make([]Failure, 0, n)
	for i := range n {
		fs = append(fs, Failure{d.origin(i), d.errOf(i)})
	}
	return fs
}

// Err returns nil if no entry failed permanently, else a [*PartialError] of all that did, also if they are all of the
// batch: their indices are those in the batch that was given to Begin, in order. It is final once Done has returned
// false.
func (d *Delivery) Err() error { return partial(d.failed) }

// kept returns which entries of the batch are left or have failed for good, sorted.
func (d *Delivery) kept() []int32 {
	idx := make([]int32, 0, d.left()+len(d.failed))
	for i := range d.left() {
		idx = append(idx, int32(d.origin(i)))
	}
	for _, f := range d.failed {
		idx = append(idx, int32(f.Index))
	}
	slices.Sort(idx)
	return idx
}

// move has to take the place of the batch, which nothing refers to any more then. It has copies of the entries idx of that,
// which are those that kept returns, in the same order.
func (d *Delivery) move(to *batch.Batch, idx []int32) {
	place := func(i int) int {
		at, _ := slices.BinarySearch(idx, int32(i))
		return at
	}
	var r remains
	for i := range d.left() {
		r.add(place(d.origin(i)), d.errOf(i))
	}
	for i := range d.failed {
		d.failed[i].Index = place(d.failed[i].Index)
	}
	d.batch = to
	d.set(r)
	d.now = d.view
	d.cut()
}

// next returns how long to wait before the next attempt.
func (d *Delivery) next(t taken) time.Duration {
	switch {
	case t.asked == askedNobody:
		// The destination was not asked, so it did not fail again, and the breaker knows best when it will be: nobody
		// shall wait for a backoff that grew in an outage when the outage is over.
		return jittered(t.after, d.cfg.Jitter)
	case d.backoff == nil:
		d.backoff = d.cfg.backoff()
	case t.progress:
		d.backoff.Reset()
	}
	// What the destination asked for gets its random part as well.
	return jittered(max(d.backoff.NextBackOff(), t.after), d.cfg.Jitter)
}

// exhausted returns how many of the first entries that are left have had their last attempt, if the next one were to
// begin after wait: left of them have just failed.
func (d *Delivery) exhausted(left int, wait time.Duration) int {
	switch {
	case d.cfg.MaxElapsed > 0 && time.Since(d.begun)+wait > d.cfg.MaxElapsed:
		return d.left()
	case d.cfg.Tries > 0 && d.vain >= d.cfg.Tries:
		return left
	}
	return 0
}

// giveUp makes the first n entries that are left permanent failures.
func (d *Delivery) giveUp(n int) {
	if n == 0 {
		return
	}
	for i := range n {
		d.failed = append(d.failed, Failure{d.origin(i), d.gaveUp(d.errOf(i))})
	}
	sortFailures(d.failed)
	d.off += n
	d.held = max(0, d.held-n)
	d.vain = 0
}

func (d *Delivery) gaveUp(err error) error {
	return Permanent(fmt.Errorf("%w after %d tries: %w", ErrGaveUp, d.vain, err))
}
