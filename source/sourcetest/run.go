package sourcetest

import (
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle/lifecycletest"
	"github.com/logferry/logferry/source"
)

// A Feed is some input and the sources that read it.
type Feed struct {
	// Write appends lines to the input, in order; they are unique, and contain
	// no line ends. It is called from the test's goroutine, before a source
	// runs and while it does, and need not wait until the lines are read.
	Write func(lines ...string)

	// New returns a source that reads the input as one stream: from the
	// beginning, or from where its cursor says. When it is called again, the
	// sources from before have ended: it is a restart of the program.
	New func() source.Source

	// Volatile says that the input is gone once it is read, as that of a socket
	// is. What has to do with reading it again is not checked then, and nothing
	// is written while no source runs.
	Volatile bool
}

// Run checks the sources of a Feed against the contract of [source.Source], in
// subtests:
//   - every line arrives, once, unchanged and in order;
//   - what was sent is left alone;
//   - after a batch was lost, and after a restart of the source or of the
//     program, exactly what was not acknowledged is sent again, which shows that
//     the cursor sent with a batch is the one behind its last entry;
//   - Run returns within 30 s of the end of its ctx: while it waits for input,
//     while its Send finds no room, and before it has begun;
//   - no goroutine is left behind; so t and its subtests must not run in
//     parallel with others.
//
// newFeed is called once for each subtest, with its t, which it may use to fail
// it and for cleaning up. A source that comes to the end of its input and
// returns nil is run again when there is more. Wherever 30 s pass without
// progress, that is a failure.
func Run(t *testing.T, newFeed func(t testing.TB) Feed) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.try(t, newFeed, patience) })
	}
}

// A check is one subtest.
type check struct {
	name   string
	replay bool // it makes the source read again
	run    func(*trial)
}

func (c *check) try(t testing.TB, newFeed func(testing.TB) Feed, patience time.Duration) {
	lifecycletest.NoLeak(t) // first, so that it looks last
	f := newFeed(t)
	if f.Volatile && c.replay {
		t.Skip("the source is volatile: it cannot read again")
	}
	c.run(&trial{TB: t, feed: f, patience: patience, store: source.MemCheckpoints(), index: map[string]int{}})
}
