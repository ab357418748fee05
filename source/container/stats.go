package container

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
)

// A State says what is happening to a container.
type State string

const (
	// Pending means that nobody has looked at the container yet.
	Pending State = "pending"
	// CatchingUp means that what the engine has of its log is being read.
	CatchingUp State = "catching up"
	// Live means that the engine sends what the container writes.
	Live State = "live"
	// Polled means that the container is asked for at intervals what it has
	// written.
	Polled State = "polled"
	// Direct means that the log is read from its file: see Config.Direct. What
	// is sent of it is not counted here.
	Direct State = "direct"
	// Idle means that the container does not run, and was read to its end.
	Idle State = "idle"
	// Unreadable means that its log driver keeps nothing that could be read: see
	// ContainerStats.Err.
	Unreadable State = "unreadable"
)

// A ContainerStats describes one container as it was a moment ago.
type ContainerStats struct {
	// ID is the engine's, of 64 hexadecimal digits; Name is the one it has now,
	// without a slash in front, and empty until somebody has looked at it.
	ID, Name string
	State    State // what is happening to it
	// Entries and Bytes are what was sent of it in this Run. What is sent again,
	// because the pipeline has lost it, is counted again.
	Entries, Bytes int64
	// Newest is the time of the last entry sent; zero if there is none.
	Newest time.Time
	// Gaps is how often the engine had deleted lines before they were read.
	Gaps int64
	// Streams is how often a stream was opened to follow it.
	Streams int64
	// Err is why it could not be read the last time; nil if it could.
	Err error
}

// Stats describes every container that is followed, sorted by name. It is meant
// for progress lines: each figure is true, but not all are of one instant. The
// slice is the caller's. Safe for concurrent use. Between runs there is nothing to
// describe.
func (s *Source) Stats() []ContainerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]ContainerStats, 0, len(s.shown))
	for v := range s.shown {
		all = append(all, v.stats())
	}
	slices.SortFunc(all, func(a, b ContainerStats) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// A view is what Stats shows of a follower.
type view struct {
	id      string
	name    atomic.Pointer[string]
	state   atomic.Pointer[State]
	entries atomic.Int64
	bytes   atomic.Int64
	gaps    atomic.Int64
	streams atomic.Int64
	newest  atomic.Int64 // in ns of Unix time; 0: none
	err     atomic.Pointer[error]
}

func (v *view) stats() ContainerStats {
	st := ContainerStats{
		ID: v.id, State: Pending, Entries: v.entries.Load(), Bytes: v.bytes.Load(), Gaps: v.gaps.Load(), Streams: v.streams.Load(),
	}
	if p := v.name.Load(); p != nil {
		st.Name = *p
	}
	if p := v.state.Load(); p != nil {
		st.State = *p
	}
	if ns := v.newest.Load(); ns != 0 {
		st.Newest = time.Unix(0, ns)
	}
	if p := v.err.Load(); p != nil {
		st.Err = *p
	}
	return st
}

func (v *view) is(s State) { v.state.Store(&s) }

// sending counts what is about to be sent.
func (v *view) sending(b *batch.Batch) {
	n := len(b.Entries)
	v.entries.Add(int64(n))
	v.bytes.Add(int64(b.Size()))
	if n > 0 {
		v.newest.Store(b.Entries[n-1].Time.UnixNano())
	}
}

func (v *view) fail(err error) {
	if err == nil {
		v.err.Store(nil)
	} else {
		v.err.Store(&err)
	}
}
