package slogsource

// Stats says what became of the records that were logged.
type Stats struct {
	// Handed were handed to the pipeline, in whose Stats they are read, together
	// with an entry for each report of records that were dropped.
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
