package sourcetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logferry/logferry/batch"
)

// ErrLost is the outcome of a batch that [Parcel.Lose] is given no error for.
var ErrLost = errors.New("sourcetest: batch lost")

// A Fate is what became of a [Parcel].
type Fate int

const (
	Held      Fate = iota // not settled
	Delivered             // settled with nil
	Lost                  // settled with an error
)

// A Parcel is one batch that arrived at a [Receiver]. Its methods may be called
// concurrently.
type Parcel struct {
	// Entries are copies, made on arrival, with their labels filled in.
	Entries []batch.Entry

	r *Receiver
	b *batch.Batch

	// Guarded by r.mu.
	claimed bool // somebody is settling it
	fate    Fate
}

func newParcel(r *Receiver, b *batch.Batch) *Parcel {
	p := &Parcel{r: r, b: b}
	for i := range b.Entries {
		e := b.Entries[i].Clone()
		e.Labels = b.LabelsOf(i)
		p.Entries = append(p.Entries, e)
	}
	return p
}

// Lines returns the text of the entries.
func (p *Parcel) Lines() []string {
	var all []string
	for i := range p.Entries {
		all = append(all, string(p.Entries[i].Line))
	}
	return all
}

// Fate returns what has become of p so far.
func (p *Parcel) Fate() Fate {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	return p.fate
}

// Deliver settles the batch with nil; it does nothing if that was done before.
func (p *Parcel) Deliver() { p.settle(Delivered, nil) }

// Lose settles the batch with err, nil meaning [ErrLost]; it does nothing if it
// is settled already.
func (p *Parcel) Lose(err error) {
	if err == nil {
		err = ErrLost
	}
	p.settle(Lost, err)
}

func (p *Parcel) settle(f Fate, err error) {
	if !p.claim() {
		return
	}
	p.b.Settle(err) // calls the ledger: not with the lock
	r := p.r
	r.mu.Lock()
	defer r.mu.Unlock()
	p.fate = f // only now: who sees it finds the cursor moved
	r.held--
	r.note()
}

// claim reports whether the caller is the one to settle p, and compares while
// the batch is still there.
func (p *Parcel) claim() bool {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if p.claimed {
		return false
	}
	p.claimed = true
	if fault := p.compare(); fault != nil {
		p.r.faults = append(p.r.faults, fault)
	}
	return true
}

// compare says how the batch differs from what arrived.
func (p *Parcel) compare() error {
	if len(p.b.Entries) != len(p.Entries) {
		return fmt.Errorf("sourcetest: a batch of %d entries has %d since it was sent", len(p.Entries), len(p.b.Entries))
	}
	for i := range p.Entries {
		was, is := &p.Entries[i], &p.b.Entries[i]
		if string(was.Line) != string(is.Line) {
			return fmt.Errorf("sourcetest: the source overwrote a line after it had sent it: %.60q has become %.60q", was.Line, is.Line)
		}
		if !was.Time.Equal(is.Time) || was.Labels != p.b.LabelsOf(i) || !slices.Equal(was.Attrs, is.Attrs) {
			return fmt.Errorf("sourcetest: the source changed the entry %.60q after it had sent it", was.Line)
		}
	}
	return nil
}
