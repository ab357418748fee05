// Package sink is the destination side: what a [Sink] is, the errors by which it says what a retry could do, and the
// decorators that make something robust of it.
//
// # A stack
//
// A Sink makes one attempt and reports truthfully. Everything else is put around it. The order to start from, outermost
// first, is
//
//	Retry(Failover(Breaker(Timeout(far)), near))
//
//	     b                        what is neither delivered nor refused is written again,
//	     |                        in the end only permanent failures are returned
//	 [ Retry ] <- waits -----.
//	     |                    |
//	[ Failover ] -------.     |   what far does not take goes to near at once;
//	     |              |     |   only what both fail to take comes back to wait
//	[ Breaker ]         |     |   counts attempts: a destination that is not there is not asked,
//	     |              |     |   and that costs no time
//	[ Timeout ]         |     |   bounds one attempt, so that the breaker learns of silence
//	     |              |     |
//	    far            near --'
//
// Other orders work less well. A Timeout outside of Retry bounds the waiting, and turns an outage into a failure. A
// Breaker outside of the Timeout takes the end of its ctx for a whim of its caller. A Breaker outside of the Failover
// does not know which of the two is down. A Retry inside of the Failover never lets go, unless it gives up after a
// number of tries.
//
// A pipeline takes the outermost Retry off and follows its [Policy] itself, so that a batch that waits occupies no
// goroutine, and a stream that was told to wait holds up no other.
//
// # A queue on the disk
//
// [Spill] goes around such a stack where the caller must not wait for its destination, and must not lose what it has
// handed over:
//
//	Spill(Retry(Breaker(Timeout(far))))
//
//	 b -> Write -> [ records in files, synced ] -> window -> Retry -> ... -> far
//	        |                 ^                                |
//	        '- nil: it is on  '-- deleted, position saved <----' every entry has met its fate
//	           the medium
//
// Its Write ends at the disk; Stats, Health and Drain of the [Spiller] say how the rest of the way stands.
//
// # What an error says
//
//	nil                       every entry is delivered
//	any error                 none is known to be; again, by the backoff of whoever retries
//	RetryAfter(err, d)        the same, but not before d has passed; the destination is alive
//	Throttled(err, d)         the same, and it asks that of everybody: a pipeline's route paces all its Writes
//	TooLarge(err)             none is; again at once, in smaller pieces, and never if it is a single entry
//	Permanent(err)            none is, and none ever will be
//	*PartialError             each of these for the entries it lists; all others are delivered
//
// The outermost mark counts. The end of the ctx given to Write is an error without a mark: it is nobody's fault.
// A [Breaker] counts only the second line, and the end of a [Timeout] inside of it, as a failure. [ClassOf] makes
// of all this what a Shaper learns.
//
// # Memory
//
// A Sink reads its batch until Write returns, and no longer: the lines are overwritten as soon as the batch is
// settled. It may be given a view of a batch, made by batch.Subset; the indices in a PartialError are those in the
// batch it was given, and decorators translate them to those their caller knows.
//
// # Calls
//
// Writes may run concurrently, of the same Sink too; the decorators keep no lock while they write. Close is called
// once, after the last Write, and goes through the decorators. They panic if they are given a nil Sink, which is a
// mistake in the program that its first start reveals.
//
// Package sinktest checks a Sink against all of this.
package sink
