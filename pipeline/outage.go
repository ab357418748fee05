package pipeline

import "time"

// An outage is a time in which a route's Writes fail. It decides which of them
// are worth a line in the log: the first, one that fails for another reason,
// and a reminder now and then.
type outage struct {
	since  time.Time // zero: there is none
	logged time.Time // the last line
	reason string    // in it
}

const (
	remindEvery = time.Minute
	// otherReason is how soon another reason is told: errors may have a
	// number in them that is another each time.
	otherReason = 10 * time.Second
)

// worth reports whether a failure now is to be logged.
func (o *outage) worth(err error, now time.Time) bool {
	if o.since.IsZero() {
		o.since = now
	} else if quiet := now.Sub(o.logged); quiet < otherReason || quiet < remindEvery && err.Error() == o.reason {
		return false
	}
	o.logged, o.reason = now, err.Error()
	return true
}

// A gathered adds up what would be a line of the log each time, and lets one
// through in a second.
type gathered struct {
	logged time.Time
	n      int
}

const gatherFor = time.Second

// add reports whether a line is due, and for how many since the last.
func (t *gathered) add(n int, now time.Time) (total int, due bool) {
	t.n += n
	if now.Sub(t.logged) < gatherFor {
		return 0, false
	}
	total, t.n, t.logged = t.n, 0, now
	return total, true
}
