package batch

import "strconv"

// A Class is what a Write's end says about the destination, for a [Shaper],
// which knows nothing of the errors of sinks.
type Class uint8

const (
	// Delivered: the destination answered in its own time. It may have refused
	// some entries, or all, for what they are.
	Delivered Class = iota
	// Throttled: it asked for less, of everybody; see Outcome.RetryAfter.
	Throttled
	// TooLarge: it takes no request as large as this one.
	TooLarge
	// Failed: it was not there, did not answer in time, or could not do its work.
	Failed
	// Inconclusive: the Write says nothing about it: it was cancelled, refused
	// by an open breaker, or concerns one stream alone.
	Inconclusive
)

// String returns "delivered", "throttled", "too large", "failed" or "inconclusive".
func (c Class) String() string {
	names := [...]string{"delivered", "throttled", "too large", "failed", "inconclusive"}
	if int(c) < len(names) {
		return names[c]
	}
	return "Class(" + strconv.Itoa(int(c)) + ")"
}
