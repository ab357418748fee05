package sinktest

import (
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// A Target is one Sink under test, with what the kit may know and do beyond its interface. Each of its functions may be
// nil, and what needs it is left out then. They are called from one goroutine at a time.
type Target struct {
	// Sink is closed by the kit. If it is a [sink.Starter], it is started.
	Sink sink.Sink

	// Delivered returns all the destination holds, in the order it came. The kit calls it again for a while if
	// something is missing, and calls it once more after Close. Of an entry it returns the kit compares the line, and
	// its Time, Labels and Attrs if they are not zero. The kit keeps the result.
	Delivered func() []batch.Entry

	// Stored changes an entry, a copy, to what the destination makes of it: if it cannot hold invalid UTF-8, for
	// instance. What is compared is the result. Nil: the destination changes nothing.
	Stored func(*batch.Entry)

	// Break makes the destination unavailable until repair is called: Writes fail, and nothing is taken.
	Break func() (repair func())

	// Stall makes the destination hang until release is called: Writes get no answer, and nothing is taken.
	Stall func() (release func())

	// Patience is how long the kit waits for what ought to be prompt; zero: 30 s.
	Patience time.Duration
}
