package source

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/batch"
)

// A Stream is something a source reads in order, with one cursor. One goroutine
// at a time uses it.
type Stream struct {
	ledger *ledger
	gen    *generation
	labels batch.Labels
}

// Name is the name the stream was opened with.
func (s *Stream) Name() string { return s.ledger.name }

// Cursor returns the cursor behind the last delivery that left no gap: where to
// resume, "" at first. Right after Open it is where reading begins. Cursor may be
// called by any goroutine, also while another is in Send.
func (s *Stream) Cursor() string { return s.ledger.current() }

// NewBatch returns an empty batch with the stream's labels, to fill and Send. A
// batch that is not sent after all is ended with Settle(nil).
func (s *Stream) NewBatch() *batch.Batch {
	return s.ledger.out.cfg.Receiver.NewBatch(s.labels)
}

// Send hands b over, which is not the caller's any more, whatever Send returns.
// next is the cursor that stands behind b's last entry; "" moves no cursor. An
// empty b is a way to move the cursor over input that made no entry.
//
// An entry whose Time is zero gets the present time, or one nanosecond more
// than the last such entry of the pipeline, whichever is later: so equal lines
// stay apart, and the stream in order. See [Clock].
//
// Send blocks while the pipeline has no room: that is backpressure. If ctx ends
// first the batch is lost, Send returns ctx's cause, and the stream must be
// opened again. ErrStreamLost means that an earlier batch was lost.
func (s *Stream) Send(ctx context.Context, b *batch.Batch, next string) error {
	r, err := s.ledger.begin(s.gen, b, next)
	if err != nil {
		b.Settle(err)
		return err
	}
	defer func() {
		// A batch that was misused makes the Receiver panic before it takes it:
		// the stream must not wait for its outcome when it is opened again.
		if v := recover(); v != nil {
			r.settle(errNotReceived)
			panic(v)
		}
	}()
	err = s.ledger.out.cfg.Receiver.Receive(ctx, b, r.settle)
	if err != nil {
		return fmt.Errorf("source: stream %s: %w", s.ledger.name, err)
	}
	return nil
}
