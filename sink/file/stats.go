package file

import "sync/atomic"

// Stats are the counters of a Sink since it was made, as [Sink.Stats] returns them.
type Stats struct {
	Entries   int64 // written, and flushed with SyncBatch
	Bytes     int64 // written, by whatever became of them
	Failures  int64 // attempts to write to a file that failed
	Cut       int64 // times that a part of such an attempt was removed from the file
	Completed int64 // last lines without newline that were found and given one
	Syncs     int64 // flushes of a file
	// SyncFailures counts the flushes that failed. With SyncBatch what they were for is written again; otherwise lines that
	// were reported as delivered may be lost.
	SyncFailures int64

	Open      int64 // files that are open now
	Opened    int64 // times that a file was opened
	Reopened  int64 // of these, because somebody else had renamed or removed it
	Rotations int64

	Packed      int64 // files compressed
	PackedFrom  int64 // bytes of these before
	PackedTo    int64 // and after
	Removed     int64 // files removed because of Keep
	RemovedFrom int64 // bytes of these
}

type counters struct {
	entries, bytes, failures, cut, completed, syncs, syncFailures atomic.Int64
	opened, reopened, rotations                                   atomic.Int64
	packed, packedFrom, packedTo, removed, removedFrom            atomic.Int64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Entries:      c.entries.Load(),
		Bytes:        c.bytes.Load(),
		Failures:     c.failures.Load(),
		Cut:          c.cut.Load(),
		Completed:    c.completed.Load(),
		Syncs:        c.syncs.Load(),
		SyncFailures: c.syncFailures.Load(),
		Opened:       c.opened.Load(),
		Reopened:     c.reopened.Load(),
		Rotations:    c.rotations.Load(),
		Packed:       c.packed.Load(),
		PackedFrom:   c.packedFrom.Load(),
		PackedTo:     c.packedTo.Load(),
		Removed:      c.removed.Load(),
		RemovedFrom:  c.removedFrom.Load(),
	}
}
