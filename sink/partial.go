package sink

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A PartialError is what a Write returns when the entries of its batch met different fates. Entries that Failures does
// not list are delivered. Sinks return it as a pointer, and nil if nothing failed.
//
// It does not unwrap: what is true of one entry's error is not true of the batch, so [errors.Is], [IsPermanent] and
// [After] look at Failures one by one only. It may itself be wrapped, with [fmt.Errorf] for instance; marks put around
// it have no effect.
type PartialError struct {
	// Failures may be in any order. Who returned the error does not touch it any more; readers do not change it.
	Failures []Failure
}

// A Failure is one entry that was not delivered.
type Failure struct {
	Index int   // in the Entries of the batch that was given to Write
	Err   error // with a mark of its own, or none: worth a retry
}

const (
	shownFailures = 3
	shownBytes    = 200
)

// Error shows how many entries failed and the first few of their errors.
func (e *PartialError) Error() string {
	if e == nil || len(e.Failures) == 0 {
		return "sink: no entry failed"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sink: %d entries failed: ", len(e.Failures))
	for i, f := range e.Failures[:min(len(e.Failures), shownFailures)] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "entry %d: %s", f.Index, shorten(f.Err))
	}
	if more := len(e.Failures) - shownFailures; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// shorten keeps a destination's verbosity out of the message.
func shorten(err error) string {
	if err == nil {
		return errNoReason.Error()
	}
	s := err.Error()
	if len(s) <= shownBytes {
		return s
	}
	return strings.ToValidUTF8(s[:shownBytes], "") + "…"
}

// errNoReason stands in for the Err of a Failure that has none.
var errNoReason = errors.New("sink: failed without an error")

// failuresOf says which entries of a batch of n were not delivered if Write returned err, which is not nil: all of them
// for one reason, whole, or else those in fs, sorted, each once and with an error. fs may share err's memory.
//
// A PartialError that lists an entry the batch does not have is a bug of its Sink. Nothing it says can be relied upon,
// so everything counts as failed.
func failuresOf(err error, n int) (fs []Failure, whole error) {
	p, ok := errors.AsType[*PartialError](err)
	if !ok {
		return nil, err
	}
	if p == nil {
		return nil, nil
	}
	for _, f := range p.Failures {
		if f.Index < 0 || f.Index >= n {
			// Not wrapped: the outer layers must not meet the PartialError again.
			return nil, fmt.Errorf("sink: PartialError lists entry %d of a batch of %d: %v", f.Index, n, err)
		}
	}
	if tidy(p.Failures) {
		return p.Failures, nil
	}
	return tidied(p.Failures), nil
}

// tidy reports whether fs is sorted, lists no entry twice and has no nil error.
func tidy(fs []Failure) bool {
	last := -1
	for _, f := range fs {
		if f.Index <= last || f.Err == nil {
			return false
		}
		last = f.Index
	}
	return true
}

// tidied returns a tidy copy of fs. Of an entry listed twice, a failure that is worth a retry is kept rather than a
// permanent one: to send too often is better than to lose.
func tidied(fs []Failure) []Failure {
	fs = slices.Clone(fs)
	for i := range fs {
		if fs[i].Err == nil {
			fs[i].Err = errNoReason
		}
	}
	slices.SortStableFunc(fs, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(rank(a), rank(b)))
	})
	return slices.CompactFunc(fs, func(a, b Failure) bool { return a.Index == b.Index })
}

func rank(f Failure) int {
	if IsPermanent(f.Err) {
		return 1
	}
	return 0
}

// sortFailures puts fs in the order of the batch.
func sortFailures(fs []Failure) {
	slices.SortFunc(fs, func(a, b Failure) int { return cmp.Compare(a.Index, b.Index) })
}

// partial returns the error for fs: nil if there are none.
func partial(fs []Failure) error {
	if len(fs) == 0 {
		return nil
	}
	return &PartialError{fs}
}
