package tail

import (
	"cmp"
	"slices"
	"time"

	"github.com/logferry/logferry/source"
)

// A State says what is happening to a file.
type State string

const (
	// Reading means that there is something to read, or that it is not known
	// yet whether there is.
	Reading State = "reading"
	// Waiting means that another file is read first: the one that was rotated
	// away from the same path, or the one this may be a copy of.
	Waiting State = "waiting"
	// Idle means that the file was read to its end.
	Idle State = "idle"
	// Rotated means that the file was renamed or deleted, and that what may
	// still be added to it is waited for.
	Rotated State = "rotated"
	// Failed means that the file cannot be read at present: see
	// FileStats.Err.
	Failed State = "failed"
)

// A FileStats describes one file as it was a moment ago.
type FileStats struct {
	// Path leads to the file now; if none does, it is where the file was last.
	Path  string
	State State
	// Read is how far the file has been read and sent, in bytes; Acked how far
	// that has been acknowledged; Size how long the file was when it was last
	// looked at. Of a compressed file, Read and Acked count what it unpacks to.
	Read, Acked, Size int64
	// Lag is how many bytes of Size are not acknowledged. A last line without
	// newline is part of it, and so is an entry that is held back. Of a
	// compressed file it is Size, until all of that is acknowledged.
	Lag int64
	// LagTime is how long the oldest byte of Lag has been there, at the least and
	// as far as was noticed; 0 if there is none.
	LagTime time.Duration
	// Err is why the file cannot be read, if State is Failed.
	Err error
}

// Stats describes every file that is followed, and every path that cannot be,
// sorted by path. It is meant for progress lines: each figure is true, but not
// all are of one instant. Safe for concurrent use. Between runs only the paths
// are left that the last one could not read.
func (s *Source) Stats() []FileStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	all := make([]FileStats, 0, len(s.shown)+len(s.failed))
	told := map[string]bool{}
	for v := range s.shown {
		st := v.stats(now)
		told[st.Path] = told[st.Path] || st.State == Failed
		all = append(all, st)
	}
	for path, err := range s.failed {
		if !told[path] {
			all = append(all, FileStats{Path: path, State: Failed, Err: err})
		}
	}
	slices.SortFunc(all, func(a, b FileStats) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

func (v *view) stats(now time.Time) FileStats {
	st := FileStats{Read: v.offset.Load(), Size: v.size.Load()}
	if p := v.at.Load(); p != nil {
		st.Path = *p
	}
	if p := v.state.Load(); p != nil {
		st.State = *p
	}
	if err := v.err.Load(); err != nil {
		st.State, st.Err = Failed, *err
	}
	if s := v.src.Load(); s != nil {
		st.Acked = ackedOf(s, v.epoch.Load())
	} else if v.whole.Load() {
		st.Acked = st.Read // by an earlier run
	}
	st.Lag = max(0, st.Size-st.Acked)
	if v.packed.Load() {
		st.Lag = st.Size
		if v.whole.Load() && st.Acked == st.Read {
			st.Lag = 0
		}
	}
	if since := v.since.Load(); since != 0 && st.Lag > 0 {
		st.LagTime = max(0, now.Sub(time.Unix(0, since)))
	}
	return st
}

// ackedOf is how far the content of that epoch has been acknowledged.
func ackedOf(s *source.Stream, epoch uint64) int64 {
	c, err := parseCursor(s.Cursor())
	if err != nil || c.epoch != epoch {
		return 0
	}
	return c.offset
}
