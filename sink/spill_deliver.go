package sink

import (
	"cmp"
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

// deliverAll is the task that delivers the queue: one window behind the other, each begun while the one before it is
// under way, so that neither reading nor a slow stream leaves the destination idle.
func (s *Spiller) deliverAll(ctx context.Context) error {
	r := s.log.Reader()
	defer r.Close()
	var under *delivering
	for ctx.Err() == nil {
		w, err := s.read(r)
		next := s.begin(ctx, w, under)
		if under != nil {
			if derr := s.end(ctx, under); derr != nil {
				next.abandon(ctx)
				return derr
			}
		}
		under = next
		if errors.Is(err, io.EOF) {
			s.noteDisk(diskRead, nil)
		} else {
			s.noteDisk(diskRead, err)
		}
		switch {
		case w.some:
		case errors.Is(err, io.EOF):
			s.stir() // what was dropped or damaged is passed
			s.rest(ctx)
		case err != nil:
			lifecycle.Sleep(ctx, readAgain)
		}
	}
	if under != nil {
		return s.end(ctx, under)
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

// delivering is a window under way.
type delivering struct {
	window *window
	lanes  map[any]*lane
	work   chan *lane // those that nobody has begun; closed
	sup    *lifecycle.Supervisor
	calls  []*lifecycle.Handle
}

// begin starts to deliver a window. Each of its lanes waits for that of the window before it, if that is under way still.
func (s *Spiller) begin(ctx context.Context, w *window, before *delivering) *delivering {
	d := &delivering{window: w}
	var order []*lane
	d.lanes, order = s.lanes(w.stage)
	d.work = make(chan *lane, len(order))
	for key, l := range d.lanes {
		if before != nil {
			l.before = before.lanes[key]
		}
	}
	for _, l := range order {
		d.work <- l
	}
	close(d.work)
	w.stage.Retain(0) // read-only from here on, before the lanes each retain it
	d.sup = s.sup.ChildContext(ctx, "spill-deliver")
	for range min(s.cfg.MaxInFlight, len(order)) {
		d.calls = append(d.calls, d.sup.Go("write", func(ctx context.Context) error { return s.deliverLanes(ctx, d) }))
	}
	return d
}

// deliverLanes delivers the lanes that nobody else has begun.
func (s *Spiller) deliverLanes(ctx context.Context, d *delivering) error {
	for l := range d.work {
		if err := s.deliverLane(ctx, d.window.stage, l); err != nil {
			return err
		}
	}
	return nil
}

// end waits until a window is delivered and counts it out. An error means that not all of it is delivered. What is
// delivered counts although ctx has ended meanwhile: the next process would deliver it again.
func (s *Spiller) end(ctx context.Context, d *delivering) error {
	err := s.deliverLanes(ctx, d) // if the supervisor has no room for tasks, all of them
	for _, call := range d.calls {
		<-call.Done()
	}
	err = errors.Join(err, d.abandon(ctx), ctx.Err())
	for _, l := range d.lanes {
		select {
		case <-l.done:
		default:
			return cmp.Or(err, errUnreturned) // its task ended otherwise than by returning
		}
	}
	if !d.window.some {
		return nil
	}
	s.log.Done(d.window.last + 1)
	s.savePosition()
	s.stir()
	return nil
}

// abandon stops what is not delivered of a window, and gives its memory back.
func (d *delivering) abandon(ctx context.Context) error {
	err := d.sup.Close(context.WithoutCancel(ctx))
	d.window.stage.Settle(nil)
	return err
}

// deliverLane delivers the pieces of a lane one after the other. It fails only with ctx.
func (s *Spiller) deliverLane(ctx context.Context, stage *batch.Batch, l *lane) error {
	if l.before != nil {
		select {
		case <-l.before.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		l.before = nil // or each would hold on to all there ever were
	}
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
	close(l.done)
	return nil
}

// deliverPiece writes b until every entry has met its fate.
func (s *Spiller) deliverPiece(ctx context.Context, b *batch.Batch) error {
	refused, err := s.persist(ctx, s.inner, s.retry, s.pace, b)
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
	lost, err := s.persist(ctx, s.cfg.DeadLetter, RetryConfig{}, newPacer(1, nil, nil), letter)
	if err != nil {
		return err
	}
	s.counts.deadLettered.Add(int64(len(letter.Entries) - len(lost)))
	s.refused(lost)
	return nil
}

// maxPanics is how often in a row the Write of a piece may panic before its entries are refused for good: a line that
// nobody can stand shall not stop the queue.
const maxPanics = 3

// persist writes b to a Sink for as long as it takes, and returns what that refuses for good.
func (s *Spiller) persist(ctx context.Context, to Sink, cfg RetryConfig, pace *pacer, b *batch.Batch) ([]Failure, error) {
	d := cfg.Begin(b)
	for panics := 0; ; {
		err, panicked := attempt(ctx, to, pace, d)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !panicked {
			panics = 0
		} else if panics++; panics == maxPanics {
			err, panics = Permanent(err), 0
		}
		wait, again := d.Done(err)
		if !again {
			s.noteDelivery(nil)
			return d.Failed(), nil
		}
		s.noteDelivery(err)
		if !lifecycle.Sleep(ctx, wait) {
			return nil, ctx.Err()
		}
	}
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
