package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// deliverPieces writes what a lane has begun and the pieces taken from it, until every entry has met its fate or some are
// told to wait; then it returns with l.delivery not nil. It fails with ctx alone.
func (s *Spiller) deliverPieces(ctx context.Context, l *lane) error {
	for l.delivery != nil || len(l.taken) > 0 {
		if err := s.deliverPiece(ctx, l); err != nil || l.delivery != nil {
			return err
		}
	}
	return nil
}

// deliverPiece is that of what one Write is for. Where the destination is away rather than busy with others, it waits
// itself: no other lane would fare better.
func (s *Spiller) deliverPiece(ctx context.Context, l *lane) error {
	if l.delivery == nil {
		l.begin(s)
	}
	for {
		again, err := s.try(ctx, s.inner, s.pace, l)
		if l.class == batch.Delivered {
			s.vain.Store(0)
		}
		switch {
		case err != nil:
			return err
		case !again:
			return s.delivered(ctx, l)
		case l.wait > 0 && !s.isAway(l):
			return nil
		case l.wait > 0:
			s.noteAway()
		}
		if !lifecycle.Sleep(ctx, l.wait) {
			return ctx.Err()
		}
	}
}

// outageAfter is how many Writes in a row that found nobody are an outage, rather than a mishap of one lane.
const outageAfter = 3

// isAway takes in what the last Write of l said, and reports whether all others had better wait as well.
func (s *Spiller) isAway(l *lane) bool {
	switch {
	case l.class == batch.Failed:
		return s.vain.Add(1) >= outageAfter
	case l.class == batch.Throttled:
		return true
	}
	return errors.Is(l.cause, ErrBreakerOpen)
}

// delivered ends a piece whose every entry was delivered or refused for good.
func (s *Spiller) delivered(ctx context.Context, l *lane) error {
	refused := l.delivery.Failed()
	if len(refused) > 0 && s.cfg.DeadLetter != nil {
		if err := s.deadLetter(ctx, l.b, refused); err != nil {
			return err
		}
	} else {
		s.refused(refused)
	}
	s.counts.delivered.Add(int64(openOf(l.shares) - len(refused)))
	l.met = append(l.met, l.shares...)
	l.over()
	return nil
}

// deadLetter writes what failed of b to the dead letter.
func (s *Spiller) deadLetter(ctx context.Context, b *batch.Batch, failed []Failure) error {
	letter := batch.New(&s.pool, batch.Labels{})
	defer letter.Settle(nil)
	for _, f := range failed {
		e := &b.Entries[f.Index]
		attrs := append(slices.Clone(e.Attrs), batch.Attr{Key: SpillReason, Value: f.Err.Error()})
		letter.AppendShared(e.Time, e.Line, attrs...)
		letter.Entries[len(letter.Entries)-1].Labels = e.Labels
	}
	l := &lane{delivery: RetryConfig{}.Begin(letter)}
	pace := newPacer(1, nil, nil)
	for {
		again, err := s.try(ctx, s.cfg.DeadLetter, pace, l)
		if err != nil {
			return err
		}
		if !again {
			break
		}
		if l.wait > 0 {
			s.noteAway()
		}
		if !lifecycle.Sleep(ctx, l.wait) {
			return ctx.Err()
		}
	}
	lost := l.delivery.Failed()
	s.counts.deadLettered.Add(int64(len(letter.Entries) - len(lost)))
	s.refused(lost)
	return nil
}

// maxPanics is how often in a row the Write of a piece may panic before its entries are refused for good: a line that
// nobody can stand shall not stop the queue.
const maxPanics = 3

// try is one Write of l's delivery, to a Sink that may be the dead letter. If again is true it is to be repeated after
// l.wait. It fails with ctx alone.
func (s *Spiller) try(ctx context.Context, to Sink, pace *pacer, l *lane) (again bool, err error) {
	err, panicked := attempt(ctx, to, pace, l.delivery)
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	l.class, _ = ClassOf(ctx, err, len(l.delivery.Batch().Entries))
	if !panicked {
		l.panics = 0
	} else if l.panics++; l.panics == maxPanics {
		err, l.panics = Permanent(err), 0
	}
	l.cause = err
	if l.wait, again = l.delivery.Done(err); again {
		s.noteDelivery(err)
	} else {
		s.noteDelivery(nil)
	}
	return again, nil
}

// attempt is one Write of what d is at, when pace lets it through. A panic is an error: the queue outlives it.
func attempt(ctx context.Context, to Sink, pace *pacer, d *Delivery) (err error, panicked bool) {
	pass, err := pace.enter(ctx, d)
	if err != nil {
		return err, false
	}
	b := d.Batch()
	defer func() {
		if v := recover(); v != nil {
			err, panicked = fmt.Errorf("sink: Write panicked: %v", v), true
		}
		pace.leave(ctx, pass, b, err)
	}()
	err = errUnreturned // should it end this goroutine
	err = Timeout(to, pass.timeout).Write(ctx, b)
	return err, false
}
