package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

const (
	// saveEvery is how often the position is saved at most: what is delivered beyond it comes again after a crash.
	saveEvery = 250 * time.Millisecond
	// readAgain is the wait after a read that failed.
	readAgain = 500 * time.Millisecond
)

// deliverAll is the task that delivers the queue.
func (s *Spiller) deliverAll(ctx context.Context) error {
	r := s.log.Reader()
	defer r.Close()
	for ctx.Err() == nil {
		w, err := s.read(r)
		if w.some {
			if derr := s.deliver(ctx, w); derr != nil {
				return derr
			}
			s.log.Done(w.last + 1)
		}
		w.stage.Settle(nil)
		s.savePosition()
		s.stir()
		if errors.Is(err, io.EOF) {
			s.noteDisk(diskRead, nil)
			if !w.some {
				s.rest(ctx)
			}
			continue
		}
		s.noteDisk(diskRead, err)
		if err != nil {
			sleep(ctx, readAgain)
		}
	}
	return nil
}

// savePosition saves the position if it is time.
func (s *Spiller) savePosition() {
	if time.Since(s.lastSave) < saveEvery {
		return
	}
	s.lastSave = time.Now()
	s.noteDisk(diskPosition, s.log.SavePosition())
}

// rest waits until there is something to do.
func (s *Spiller) rest(ctx context.Context) {
	timer := time.NewTimer(saveEvery)
	defer timer.Stop()
	select {
	case <-s.more:
		return
	case <-ctx.Done():
		return
	case <-timer.C:
		s.savePosition()
	}
	select {
	case <-s.more:
	case <-ctx.Done():
	}
}

// deliver delivers a window, up to MaxInFlight lanes at a time. An error means that not all of it is delivered.
func (s *Spiller) deliver(ctx context.Context, w *window) error {
	lanes := s.lanes(w.stage)
	if len(lanes) == 1 || s.cfg.MaxInFlight == 1 {
		for _, l := range lanes {
			if err := s.deliverLane(ctx, w.stage, l); err != nil {
				return err
			}
		}
		return nil
	}
	work := make(chan *lane, len(lanes))
	for _, l := range lanes {
		work <- l
	}
	close(work)
	sup := s.sup.ChildContext(ctx, "spill-deliver")
	var calls []*lifecycle.Handle
	for range min(s.cfg.MaxInFlight, len(lanes)) {
		calls = append(calls, sup.Go("write", func(ctx context.Context) error {
			for l := range work {
				if err := s.deliverLane(ctx, w.stage, l); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for _, call := range calls {
		<-call.Done()
	}
	if err := sup.Close(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return ctx.Err()
}

// deliverLane delivers the pieces of a lane one after the other. It fails only with ctx.
func (s *Spiller) deliverLane(ctx context.Context, stage *batch.Batch, l *lane) error {
	for _, piece := range l.pieces {
		b := batch.New(&s.pool, batch.Labels{})
		stage.Retain(1)
		b.Merge(stage, piece)
		err := s.deliverPiece(ctx, b)
		b.Settle(nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// deliverPiece writes b until every entry has met its fate.
func (s *Spiller) deliverPiece(ctx context.Context, b *batch.Batch) error {
	refused, err := s.persist(ctx, s.inner, s.retry, b)
	if err != nil {
		return err
	}
	s.counts.delivered.Add(int64(len(b.Entries) - len(refused)))
	if len(refused) == 0 {
		return nil
	}
	if s.cfg.DeadLetter == nil {
		s.refused(refused)
		return nil
	}
	letter := batch.New(&s.pool, batch.Labels{})
	defer letter.Settle(nil)
	for _, f := range refused {
		e := &b.Entries[f.Index]
		attrs := append(slices.Clone(e.Attrs), batch.Attr{Key: SpillReason, Value: f.Err.Error()})
		letter.AppendShared(e.Time, e.Line, attrs...)
		letter.Entries[len(letter.Entries)-1].Labels = e.Labels
	}
	lost, err := s.persist(ctx, s.cfg.DeadLetter, RetryConfig{}, letter)
	if err != nil {
		return err
	}
	s.counts.deadLettered.Add(int64(len(letter.Entries) - len(lost)))
	s.refused(lost)
	return nil
}

// persist writes b to a Sink for as long as it takes, and returns what that refuses for good.
func (s *Spiller) persist(ctx context.Context, to Sink, cfg RetryConfig, b *batch.Batch) ([]Failure, error) {
	d := cfg.Begin(b)
	for {
		err := attempt(ctx, to, d.Batch())
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		wait, again := d.Done(err)
		if !again {
			s.noteDelivery(nil)
			return d.Failed(), nil
		}
		s.noteDelivery(err)
		if !sleep(ctx, wait) {
			return nil, ctx.Err()
		}
	}
}

// attempt is a Write whose panic is an error: the queue outlives it.
func attempt(ctx context.Context, to Sink, b *batch.Batch) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("sink: Write panicked: %v", v)
		}
	}()
	return to.Write(ctx, b)
}
