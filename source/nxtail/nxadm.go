package nxtail

import (
	"io"
	"time"

	nxadm "github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"
)

// A reader is one Tail of nxadm/tail, on a name whose stat does not fail.
type reader struct{ t *nxadm.Tail }

// read has nxadm/tail read the file of that name from offset at on. It has
// opened it when read returns.
//
// The settings are those that lose nothing by themselves. MustExist makes the
// first open happen here, where its error is seen. Without CompleteLines a line
// that is written in two goes arrives as two. ReOpen opens what is at the path
// before the file is read to its end; rotation is the follower's business. A rate
// limiter seeks to the end of the file, MaxLineSize bounds no memory and gives
// the pieces of a line one offset, and the logger would be the host's stderr.
func read(name string, at int64) (*reader, error) {
	t, err := nxadm.TailFile(name, nxadm.Config{
		Location:      &nxadm.SeekInfo{Offset: at, Whence: io.SeekStart},
		Follow:        true,
		MustExist:     true,
		Poll:          true,
		CompleteLines: true,
		Logger:        nxadm.DiscardingLogger,
	})
	if err != nil {
		return nil, err
	}
	return &reader{t}, nil
}

// lines is closed when reading has failed; see err.
func (r *reader) lines() <-chan *nxadm.Line { return r.t.Lines }

// err says why lines was closed.
func (r *reader) err() error { return r.t.Err() }

// stop ends both goroutines of the Tail. The one that reads is joined by Stop. The
// one that polls is not: it sleeps for the poll interval, asks for the file's
// size, and only then looks whether it is wanted, and nothing tells that it has
// ended. So it is waited out, for one interval of sleep and one for whatever keeps
// it from running. A stat that takes longer than that outlives stop.
func (r *reader) stop() {
	r.t.Stop() // its error is that of err
	time.Sleep(2 * pollInterval())
}

// pollInterval is how often nxadm/tail looks at a file: 250 ms, unless the host
// has set it otherwise for all its Tails.
func pollInterval() time.Duration { return watch.POLL_DURATION }
