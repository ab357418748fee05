package loki

import (
	"slices"
	"time"
)

// A fate is what is known of one entry of a request that was answered with 400.
type fate byte

const (
	unknown fate = iota
	refused
	accepted
	refusedOld // for its time, which is too old
	refusedNew // for its time, which is too new
)

// fateOf is that of an entry which is refused for a reason of the kind.
func fateOf(kind reasonKind) fate {
	switch kind {
	case tooOld:
		return refusedOld
	case tooNew:
		return refusedNew
	}
	return refused
}

// An attribution works out which entries of a request a refusal is about. It changes fates only where the body leaves
// no doubt.
type attribution struct {
	m     *mapping
	w     *draft
	idx   []int32 // the entries of the request, in order
	fates []fate  // of each
	why   []string

	oldest time.Time // what would have been old enough, cut to seconds, says the answer; zero: nothing about that
}

// attribute returns the fate of every entry in idx.
func attribute(r refusal, m *mapping, w *draft, idx []int32) attribution {
	a := attribution{m: m, w: w, idx: idx, fates: make([]fate, len(idx)), why: make([]string, len(idx))}
	switch {
	case r.stream:
		for k := range idx {
			a.fates[k] = refused
		}
	case r.late != nil:
		a.late(r.late)
	default:
		a.reasons(r)
	}
	return a
}

// time returns the time with which Loki was given entry k of the request.
func (a *attribution) time(k int) time.Time { return a.w.wall(a.idx[k]) }

func (a *attribution) lineSize(k int) int { return a.w.lineSize(a.idx[k]) }

func (a *attribution) refuse(k int, f fate, why string) { a.fates[k], a.why[k] = f, why }

func (a *attribution) refuseLate(k int, e *lateEntry) {
	if e.cutoff.IsZero() {
		a.refuse(k, refused, e.why)
		return
	}
	a.refuse(k, refusedOld, e.why)
	a.oldest = later(a.oldest, e.cutoff)
}

// acceptOthers is for when every refusal has found its entry.
func (a *attribution) acceptOthers() {
	for k, f := range a.fates {
		if f == unknown {
			a.fates[k] = accepted
		}
	}
}

// reasons attributes what the distributor says. It counts: a reason that fits as many entries as it says is understood.
func (a *attribution) reasons(r refusal) {
	exact := r.complete
	for i := range r.reasons {
		a.oldest = later(a.oldest, r.reasons[i].oldest)
	}
	// In the order of the checks, so that an entry that fails several is out of the way when its later ones are looked at.
	for kind := range reasonKinds {
		for i := range r.reasons {
			if why := &r.reasons[i]; why.kind == kind && !a.reason(why) {
				exact = false
			}
		}
		for i := range r.reasons {
			if why := &r.reasons[i]; why.kind == kind {
				a.widen(why)
			}
		}
	}
	if exact {
		a.acceptOthers()
	}
}

// reason attributes one reason and reports whether that left no doubt.
func (a *attribution) reason(why *reason) bool {
	var fits []int
	for k := range a.idx {
		if a.fates[k] == unknown && a.fits(why, k) {
			fits = append(fits, k)
		}
	}
	if len(fits) > why.count && (why.kind == tooOld || why.kind == tooNew) {
		fits = a.outermost(fits, why)
	}
	if len(fits) != why.count {
		return false
	}
	for _, k := range fits {
		a.refuse(k, fateOf(why.kind), why.text)
	}
	return true
}

// outermost narrows entries of the same second down to the why.count oldest or newest: between those and the others
// runs the limit. It fails, and returns nil, if the two on its sides are of the same time.
func (a *attribution) outermost(fits []int, why *reason) []int {
	slices.SortStableFunc(fits, func(i, j int) int {
		c := a.time(i).Compare(a.time(j))
		if why.kind == tooNew {
			return -c
		}
		return c
	})
	if a.time(fits[why.count-1]).Equal(a.time(fits[why.count])) {
		return nil
	}
	return fits[:why.count]
}

// fits reports whether entry k looks like one of those that r is about.
func (a *attribution) fits(r *reason, k int) bool {
	switch r.kind {
	case tooOld, tooNew:
		return a.second(k) == r.at.Unix()
	case lineTooLong:
		return a.lineSize(k) == r.size && r.size > r.limit
	}
	n, size := a.w.countAttrs(a.m, a.idx[k])
	switch r.kind {
	case attrsDisallowed:
		return n > 0
	case attrsTooLarge:
		return size == r.size && r.size > r.limit
	case attrsTooMany:
		return n == r.size && r.size > r.limit
	}
	return false
}

// widen refuses what must be refused too, though the part of the body that says so may be missing.
func (a *attribution) widen(why *reason) {
	for k, f := range a.fates {
		if f == unknown && a.covers(why, k) {
			a.refuse(k, fateOf(why.kind), why.text)
		}
	}
}

// covers reports whether entry k is worse than those that r is about: older than too old, longer than too long.
func (a *attribution) covers(r *reason, k int) bool {
	switch r.kind {
	case tooOld:
		return a.second(k) < r.at.Unix()
	case tooNew:
		return a.second(k) > r.at.Unix()
	case lineTooLong:
		return a.lineSize(k) > r.limit
	}
	n, size := a.w.countAttrs(a.m, a.idx[k])
	switch r.kind {
	case attrsDisallowed:
		return n > 0
	case attrsTooLarge:
		return size > r.limit
	case attrsTooMany:
		return n > r.limit
	}
	return false
}

// late attributes what the ingester says.
func (a *attribution) late(l *late) {
	first, found := a.listed(l)
	if !found || l.of != len(a.idx) {
		// Some entries met another fate before, which this answer hides; or the stream was split up inside Loki.
		return
	}
	if l.total > len(l.listed) && !a.unlisted(l, first) {
		return
	}
	a.acceptOthers()
}

// listed refuses the entries that the answer lists, in the order of the request, and returns the first one. Of several
// with the same time the later ones are meant: the limit only ever moves up.
func (a *attribution) listed(l *late) (first int, found bool) {
	for n := len(l.listed) - 1; n >= 0; n-- {
		e := &l.listed[n]
		k := len(a.idx) - 1
		for k >= 0 && (a.fates[k] != unknown || !a.time(k).Equal(e.at)) {
			k--
		}
		if k < 0 {
			return 0, false
		}
		a.refuseLate(k, e)
		first = k
	}
	return first, len(l.listed) > 0
}

// unlisted refuses the entries that the answer only counts, and reports whether that left no doubt. first is the first
// entry that was refused.
func (a *attribution) unlisted(l *late, first int) bool {
	why := &l.listed[0]
	if why.cutoff.IsZero() {
		return false
	}
	if a.w.inOrder(a.idx[first:]) {
		// What the limit cuts off an ordered stream is one run of entries.
		end := first + l.total
		if end <= len(a.idx) && a.second(end-1) <= why.cutoff.Unix() && (end == len(a.idx) || a.second(end) >= why.cutoff.Unix()) {
			for k := first; k < end; k++ {
				a.refuseLate(k, why)
			}
			return true
		}
	}
	n := len(l.listed)
	for k := first; k < len(a.idx); k++ {
		if a.fates[k] == unknown && a.second(k) < why.cutoff.Unix() {
			a.refuseLate(k, why)
			n++
		}
	}
	return n == l.total
}

func (a *attribution) second(k int) int64 { return a.time(k).Unix() }
