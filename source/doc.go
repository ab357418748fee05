// Package source defines what a source of log lines is, and keeps the promise
// that a cursor never runs ahead of a delivery.
//
// A [Source] reads and sends; it knows nothing of sinks. It opens a [Stream]
// for everything it reads in order (a file, a container), fills batches, and
// sends each with the cursor that stands behind it:
//
//	func (f *myFeed) Run(ctx context.Context, out *source.Outlet) error {
//		s, err := out.Open(ctx, "feed", batch.MustLabels("app", "shop"))
//		if err != nil {
//			return err
//		}
//		for pos := s.Cursor(); ; {
//			b := s.NewBatch()
//			if pos, err = f.readFrom(pos, b); err != nil {
//				b.Settle(nil) // not sent
//				return err
//			}
//			if err := s.Send(ctx, b, pos); err != nil {
//				return err
//			}
//		}
//	}
//
// # Cursors
//
// The ledger of a stream moves its cursor over the longest prefix of batches
// that have settled well, so out-of-order deliveries never move it too far. A
// batch that is lost (its Send was cut short, or the pipeline was stopped by
// force) ends its stream's generation: Send returns [ErrStreamLost], and the
// source opens that stream again, from the cursor. Open waits until everything
// of the older generation has settled, so that nothing is sent twice or out of
// order. Other streams notice nothing.
//
// A [Saver] writes what changed to [Checkpoints] from time to time. What a
// crash can repeat is what lies beyond the last saved cursor; nothing is
// skipped.
//
// # Input that cannot be read again
//
// A source of what is gone once it is read, such as a pipe, sends with the cursor "",
// which moves none, and with a context from [Outlet.Lasting]: what it has taken when it
// is told to stop is still delivered. [Reader] is such a source, for the lines of any
// io.Reader. A crash loses what it holds, and so does a Close that could not deliver.
//
// # Who is behind an Outlet
//
// A pipeline, or in tests the kit in source/sourcetest, which checks a Source
// of your own against this contract.
package source
