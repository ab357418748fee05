package container

import (
	"context"
	"time"
)

// A post says in whose hands a follower is, and what was told of it. The lock of
// the crew guards it.
type post struct {
	place    place
	again    bool                    // to be looked at once more
	barred   bool                    // its driver cannot be read
	caught   bool                    // it has been read to the end once
	admitted bool                    // it was to be followed once
	hasRun   bool                    // it was seen to be started, or to end
	at       time.Time               // when it is due, if it is in the schedule
	index    int                     // in the schedule, from 1; 0: it is not there
	kick     context.CancelCauseFunc // ends its stream; nil: there is none
}

// A place is where a follower is.
type place int

const (
	idle    place = iota // nothing is to be read
	queued               // in the schedule, to be polled
	waiting              // in the backlog
	working              // in the hands of a worker
	tasked               // it has a task of its own
)
