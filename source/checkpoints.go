package source

import (
	"context"
	"errors"
	"iter"
)

// Checkpoints stores one cursor per stream, so that a restarted pipeline resumes where it stopped. The pipeline reads
// it once, through All, before its sources start, and calls Save from then on; sources only see it through their
// Outlet. Names and cursors are arbitrary strings, which need not be valid UTF-8; a store gives them no meaning.
//
// Implementations must be safe for concurrent use. [MemCheckpoints] and [NewFileCheckpoints] are two; a service that
// has a database can supply its own.
type Checkpoints interface {
	// All yields each stored name and cursor once, in no particular order, as they were at one instant: a Save during
	// the iteration is either wholly seen or not at all. It cannot fail, so a store reads and checks what it needs
	// when it is opened. It ends early once ctx is done: check ctx before taking a missing name for an unknown one.
	All(ctx context.Context) iter.Seq2[string, string]

	// Save first removes the names in drop, then stores those in set, so that a name in both is stored: the cursor
	// kept by mistake costs nothing, the one lost by mistake repeats a whole stream. Dropping an unknown name is no
	// error. A nil result means that All yields the new state, now and, if the store is persistent, after a crash.
	// An error means that All yields the state from before; once the store is opened anew it may be either, but no
	// mixture. The next Save may be tried at once and stands for itself: nothing of a failed one comes with it.
	//
	// Save keeps neither set nor drop. ctx bounds the wait to begin; a write that has begun runs to its end, because
	// half a write is worse than a late one.
	Save(ctx context.Context, set map[string]string, drop []string) error
}

// ErrCheckpointsClosed is returned by Save on a [FileCheckpoints] after its Close; the error names the file.
var ErrCheckpointsClosed = errors.New("source: checkpoints are closed")

// ErrCheckpointsLocked is returned by [NewFileCheckpoints] when another process, or this one, already has the file
// open; the error names the lock file and, where it is known, the process.
var ErrCheckpointsLocked = errors.New("source: checkpoints are in use")

// ErrCheckpointsDamaged is returned by [NewFileCheckpoints] when neither the file nor its previous generation can be
// used, and wrapped by [FileCheckpoints.Recovered] when part of them could.
var ErrCheckpointsDamaged = errors.New("source: checkpoints are damaged")

// applyCursors is what every Save does to the stored cursors.
func applyCursors(cursors, set map[string]string, drop []string) {
	for _, name := range drop {
		delete(cursors, name)
	}
	for name, cursor := range set {
		cursors[name] = cursor
	}
}

// yieldCursors yields cursors until ctx is done.
func yieldCursors(ctx context.Context, cursors map[string]string, yield func(string, string) bool) {
	for name, cursor := range cursors {
		if ctx.Err() != nil || !yield(name, cursor) {
			return
		}
	}
}
