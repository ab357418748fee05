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
// It belongs to one goroutine at a time and refers to its batch, which stays unsettled until the Delivery is over.
type Delivery struct {
	cfg   RetryConfig
	batch *batch.Batch
	begun time.Time // if cfg.MaxElapsed is set

	now     *batch.Batch // what to write; nil: over
	idx     []int32      // where now's entries are in batch; nil: now is batch
	whole   error        // why all of now failed last
	pending []Failure    // or why each of its entries did, by index in batch
	failed  []Failure    // permanently, by index in batch, sorted

	tries   int
	backoff *backoff.ExponentialBackOff // nil before the first failure
	last    time.Duration               // what backoff said last
}

// Begin returns a Delivery of b. It allocates nothing else before the first failure.
func (c RetryConfig) Begin(b *batch.Batch) *Delivery {
	d := new(Delivery)
	d.begin(c, b)
	return d
}

func (d *Delivery) begin(c RetryConfig, b *batch.Batch) {
	d.cfg, d.batch, d.now = c, b, b
	if c.MaxElapsed > 0 {
		d.begun = time.Now()
	}
}

// Batch returns what to write now: first the batch itself, afterwards a view of the entries that are neither delivered
// nor permanently failed. It is nil once Done has returned false.
func (d *Delivery) Batch() *batch.Batch { return d.now }

// Done takes in what the Write of Batch returned. If again is true, Batch is to be written once more after wait.
func (d *Delivery) Done(err error) (wait time.Duration, again bool) {
	d.tries++
	progress := d.take(err)
	if d.now == nil {
		return 0, false
	}
	wait = d.next(progress)
	if d.exhausted(wait) {
		d.giveUp()
		return 0, false
	}
	return wait, true
}

// Interrupted takes the place of [Delivery.Done] if the Write returned err because its ctx ended, and nothing more is
// to be tried: no entry becomes a permanent failure on account of Tries or MaxElapsed. [Delivery.Pending] are those
// whose fate is open.
func (d *Delivery) Interrupted(err error) {
	d.tries++
	d.take(err)
}

// Tries is how many Writes there have been.
func (d *Delivery) Tries() int { return d.tries }

// Failed returns the permanent failures so far by their index in the batch that was given to Begin, sorted. The caller
// must not change them.
func (d *Delivery) Failed() []Failure { return d.failed }

// Pending returns the entries that are neither delivered nor permanently failed by their index in the batch that was
// given to Begin, sorted, with the error of their last attempt; nil if there was none yet.
func (d *Delivery) Pending() []Failure {
	if d.now == nil || d.tries == 0 {
		return nil
	}
	if d.pending != nil {
		return slices.Clone(d.pending)
	}
	return d.all(d.whole)
}

// Err returns nil if no entry failed permanently, else a [*PartialError] of all that did, also if they are all of the
// batch: their indices are those in the batch that was given to Begin, in order. It is final once Done has returned
// false.
func (d *Delivery) Err() error { return partial(d.failed) }

// take sorts the entries of now into delivered, permanently failed and pending, and reports whether any was delivered.
func (d *Delivery) take(err error) (progress bool) {
	if err == nil {
		d.now = nil
		return true
	}
	n := len(d.now.Entries)
	fs, whole := failuresOf(err, n)
	switch {
	case whole == nil:
		d.divide(fs)
		return len(fs) < n
	case IsPermanent(whole):
		d.fail(d.all(whole))
		d.now = nil
	default:
		d.whole, d.pending = whole, nil
	}
	return false
}

// divide takes in the failures of some of now's entries, by their index there.
func (d *Delivery) divide(fs []Failure) {
	var failed, pending []Failure
	for _, f := range fs {
		f.Index = d.origin(f.Index)
		if IsPermanent(f.Err) {
			failed = append(failed, f)
		} else {
			pending = append(pending, f)
		}
	}
	d.fail(failed)
	d.whole, d.pending = nil, pending
	switch len(pending) {
	case 0:
		d.now = nil
	case len(d.now.Entries):
	default:
		d.idx = make([]int32, len(pending))
		for i, f := range pending {
			d.idx[i] = int32(f.Index)
		}
		d.now = d.batch.Subset(d.idx)
	}
}

// origin returns where now's entry i is in batch.
func (d *Delivery) origin(i int) int {
	if d.idx == nil {
		return i
	}
	return int(d.idx[i])
}

// all is a failure of every entry of now.
func (d *Delivery) all(err error) []Failure {
	fs := make([]Failure, len(d.now.Entries))
	for i := range fs {
		fs[i] = Failure{d.origin(i), err}
	}
	return fs
}

func (d *Delivery) fail(fs []Failure) {
	if len(fs) == 0 {
		return
	}
	d.failed = append(d.failed, fs...)
	sortFailures(d.failed)
}

// next returns how long to wait before the next attempt.
func (d *Delivery) next(progress bool) time.Duration {
	after, refused := d.asked()
	switch {
	case d.backoff == nil:
		d.backoff = d.cfg.backoff()
		d.last = d.backoff.NextBackOff()
	case refused:
		// The destination was not asked, so it did not fail again: when it is back, nobody shall wait for a backoff
		// that grew while the breaker was open.
	default:
		if progress {
			d.backoff.Reset()
		}
		d.last = d.backoff.NextBackOff()
	}
	return d.cfg.jittered(max(d.last, after))
}

// asked returns how long the failures ask to wait, and whether they are the refusal of an open breaker.
func (d *Delivery) asked() (after time.Duration, refused bool) {
	if d.whole != nil {
		after, ok := After(d.whole)
		return min(after, longestWait), ok && errors.Is(d.whole, ErrBreakerOpen)
	}
	for _, f := range d.pending {
		a, _ := After(f.Err)
		after = max(after, min(a, longestWait))
	}
	return after, false
}

// exhausted reports whether another attempt after wait would be one too many.
func (d *Delivery) exhausted(wait time.Duration) bool {
	if d.cfg.Tries > 0 && d.tries >= d.cfg.Tries {
		return true
	}
	return d.cfg.MaxElapsed > 0 && time.Since(d.begun)+wait > d.cfg.MaxElapsed
}

// giveUp makes what is pending permanent.
func (d *Delivery) giveUp() {
	if d.whole != nil {
		d.fail(d.all(d.gaveUp(d.whole)))
	} else {
		for i := range d.pending {
			d.pending[i].Err = d.gaveUp(d.pending[i].Err)
		}
		d.fail(d.pending)
	}
	d.now, d.pending = nil, nil
}

func (d *Delivery) gaveUp(err error) error {
	return Permanent(fmt.Errorf("%w after %d tries: %w", ErrGaveUp, d.tries, err))
}
