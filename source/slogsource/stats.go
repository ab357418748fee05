package slogsource

// Stats says what became of the records that were logged.
type Stats struct {
	// Handed were handed to the pipeline. In its Stats they are read; so are those
	// that were dropped for want of room, which are dropped there too, and an entry
	// for each report of that.
	Handed int64
	// Dropped were dropped, by reason: DroppedFull, DroppedStopped.
	Dropped map[string]int64
	// Own were a pipeline's own, and not taken.
	Own int64
	// Waiting are in the buffer, of which they take WaitingBytes.
	Waiting      int64
	WaitingBytes int
}

// Stats returns the figures of one instant.
func (s *Source) Stats() Stats { return s.queue.stats() }
