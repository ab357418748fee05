package sink

import (
	"errors"
	"time"

	"github.com/logferry/logferry/batch"
)

// cut makes now the first of what is left that fits.
func (d *Delivery) cut() {
	if d.view == nil {
		return
	}
	left := d.left()
	if left == 0 {
		d.view, d.now, d.idx, d.errs = nil, nil, nil, nil
		return
	}
	n := left
	if most := d.most(); most > 0 {
		n = fit(d.view.Entries[d.off:], most)
	}
	switch {
	case n == len(d.view.Entries):
		d.now = d.view
	case len(d.now.Entries) == n && &d.now.Entries[0] == &d.view.Entries[d.off]:
		// It is that already.
	default:
		d.now = d.view.SubsetRange(d.off, d.off+n)
	}
}

// most is how many bytes may be written at once; zero: no matter.
func (d *Delivery) most() int {
	if d.limit == 0 || d.taken == 0 {
		return max(d.limit, d.taken)
	}
	return min(d.limit, d.taken)
}

// fit returns how many of the first entries make up most bytes, or one.
func fit(entries []batch.Entry, most int) int {
	for i := range entries {
		if most -= weight(&entries[i]); most < 0 {
			return max(i, 1)
		}
	}
	return len(entries)
}

// weight is the size of an entry, by which pieces are made: those of nothing count too, or else they could not be made
// smaller.
func weight(e *batch.Entry) int { return max(e.Size(), 1) }

// A taken is what take has found.
type taken struct {
	left     int           // how many of the entries written are pending; they are the first of what is left
	progress bool          // some were delivered
	after    time.Duration // what they ask to wait
	asked    asked
}

// asked is what pending entries ask for.
type asked int

const (
	askedTime    asked = iota // to be written again, later
	askedNobody               // when an open breaker said, which refused them
	askedSmaller              // to be written in smaller pieces
)

// take sorts the entries of now into delivered, permanently failed and pending.
func (d *Delivery) take(err error) taken {
	n := len(d.now.Entries)
	if err == nil {
		d.off += n
		return taken{progress: true}
	}
	fs, whole := failuresOf(err, n)
	if whole == nil {
		return d.divide(fs, n)
	}
	whole = alone(whole, n)
	m := markOf(whole)
	if m.permanent {
		for i := range n {
			d.failed = append(d.failed, Failure{d.origin(i), whole})
		}
		sortFailures(d.failed)
		d.off += n
		return taken{}
	}
	d.pend(n, whole)
	t := taken{left: n, after: min(m.after, longestWait)}
	switch {
	case m.tooLarge:
		t.asked = askedSmaller
		d.halve()
	case m.after > 0 && errors.Is(whole, ErrBreakerOpen):
		t.asked = askedNobody
	}
	return t
}

// pend notes err for the first n entries that are left.
func (d *Delivery) pend(n int, err error) {
	if n == d.left() {
		d.whole, d.errs = err, nil
		return
	}
	errs := make([]error, len(d.view.Entries))
	for i := range errs[d.off:] {
		errs[d.off+i] = err
		if i >= n {
			errs[d.off+i] = d.errOf(i)
		}
	}
	d.errs = errs
}

// halve makes the next piece smaller than now.
func (d *Delivery) halve() {
	size := 0
	for i := range d.now.Entries {
		size += weight(&d.now.Entries[i])
	}
	d.taken = max(size/2, 1)
}

// divide takes in the failures of some of the n entries of now, by their index there.
func (d *Delivery) divide(fs []Failure, n int) taken {
	t := taken{progress: len(fs) < n}
	large := 0
	pending := make([]Failure, 0, len(fs))
	for _, f := range fs {
		f.Err = alone(f.Err, n)
		m := markOf(f.Err)
		if m.permanent {
			d.failed = append(d.failed, Failure{d.origin(f.Index), f.Err})
			continue
		}
		pending = append(pending, f)
		t.after = max(t.after, min(m.after, longestWait))
		if m.tooLarge {
			large++
		}
	}
	sortFailures(d.failed)
	t.left = len(pending)
	if large > 0 {
		d.halve()
		if large == len(pending) {
			t.asked = askedSmaller
		}
	}
	d.keep(pending, n)
	return t
}

// keep makes what is left of now, n entries, those that are pending.
func (d *Delivery) keep(pending []Failure, n int) {
	if len(pending) == 0 {
		d.off += n
		return
	}
	left := len(pending) + d.left() - n
	r := remains{make([]int32, 0, left), make([]error, 0, left)}
	for _, f := range pending {
		r.add(d.origin(f.Index), f.Err)
	}
	for i := n; i < d.left(); i++ {
		r.add(d.origin(i), d.errOf(i))
	}
	if left < len(d.view.Entries) {
		d.set(r)
		return
	}
	d.off, d.whole, d.errs = 0, nil, r.errs
}

// remains are what is left of a batch: where its entries are there, and what came of them last.
type remains struct {
	idx  []int32
	errs []error
}

func (r *remains) add(at int, err error) {
	r.idx, r.errs = append(r.idx, int32(at)), append(r.errs, err)
}

// set makes r what is left. It is to be cut then.
func (d *Delivery) set(r remains) {
	d.idx, d.view = r.idx, d.batch.Subset(r.idx)
	d.off, d.whole, d.errs = 0, nil, r.errs
}

// left is how many entries have not met their fate.
func (d *Delivery) left() int { return len(d.view.Entries) - d.off }

// origin returns where entry i of those that are left is in batch.
func (d *Delivery) origin(i int) int {
	if d.idx == nil {
		return d.off + i
	}
	return int(d.idx[d.off+i])
}

// errOf is the error of the last attempt of entry i of those that are left.
func (d *Delivery) errOf(i int) error {
	err := d.whole
	if d.errs != nil {
		err = d.errs[d.off+i]
	}
	if err == nil {
		return errUntried
	}
	return err
}
