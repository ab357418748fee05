package slogsource

import (
	"context"
	"log/slog"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// gap is how long a courier rests when it has handed over what there was: what is
// logged line by line need not travel so.
const gap = time.Millisecond

// tellGap is the least time between two messages about dropped records to the
// pipeline's logger while there is no end of them.
const tellGap = time.Second

// A courier is one Run.
type courier struct {
	src    *Source
	out    *source.Outlet
	stream *source.Stream // nil: to be opened
	hand   *chunk         // taken and not released
	latest time.Time      // that was sent last
	levels map[slog.Level]batch.Labels

	untold int64 // dropped, and not yet told to the pipeline's logger
	told   time.Time
}

// deliver hands over what there is. It reports whether to go on.
func (c *courier) deliver(ctx, lasting context.Context) bool {
	for ctx.Err() == nil {
		if !c.next() {
			return true
		}
		if c.send(lasting, c.hand) {
			c.release(true)
			if time.Since(c.told) >= tellGap {
				c.tell()
			}
		}
	}
	return false
}

// next takes the next chunk in hand, if there is none.
func (c *courier) next() bool {
	if c.hand == nil {
		c.hand = c.src.queue.take()
	}
	if c.hand == nil {
		c.tell()
	}
	return c.hand != nil
}

// tell has the pipeline's logger say how many records were dropped.
func (c *courier) tell() {
	if c.untold > 0 {
		c.out.Logger().Warn(droppedText, "dropped", c.untold)
		c.untold, c.told = 0, time.Now()
	}
}

// rest waits for more, and reports whether to go on.
func (c *courier) rest(ctx context.Context) bool {
	if c.src.queue.busy() {
		return true
	}
	if !lifecycle.Sleep(ctx, gap) {
		return false
	}
	select {
	case <-c.src.queue.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// last hands over what is left when nothing more is put. What is refused now
// would be refused for ever: the pipeline gives up.
func (c *courier) last(ctx context.Context) {
	refused := false
	for c.next() {
		refused = refused || !c.send(ctx, c.hand)
		c.release(!refused)
	}
}

// send hands over a chunk. A stream that was lost is opened again, and the chunk
// is sent again the next time.
func (c *courier) send(ctx context.Context, k *chunk) bool {
	if c.stream == nil {
		s, err := c.out.Open(ctx, streamName, c.src.cfg.Labels)
		if err != nil {
			return false
		}
		c.stream = s
	}
	b := c.stream.NewBatch()
	var labels func(slog.Level) batch.Labels
	if c.src.cfg.LevelLabel {
		labels = c.labels
	}
	if k.before.records > 0 {
		b.CountDrop(DroppedFull, int(k.before.records))
		unpack(b, c.report(ctx, k.before), labels)
	}
	unpack(b, k.data, labels)
	last := inOrder(b.Entries, c.latest)
	if err := c.stream.Send(ctx, b, ""); err != nil {
		c.stream = nil
		return false
	}
	c.latest = last
	c.untold += k.before.records
	return true
}

// droppedText is the message about records that were dropped.
const droppedText = "log records were dropped: the buffer was full"

// report is a packed record that says how many were dropped, at the time of the last
// of them.
func (c *courier) report(ctx context.Context, o omission) []byte {
	r := slog.NewRecord(o.last, slog.LevelWarn, droppedText, 0)
	r.AddAttrs(slog.Int64("dropped", o.records))
	var d draft
	c.src.root.compose(ctx, &d, &r)
	return d.buf
}

// jumble is how much older than the one before a record may be and still count as
// one of the same moment.
const jumble = time.Millisecond

// inOrder makes an entry a nanosecond later than the one before it if both are of the
// same moment: of goroutines that log at once, or by a clock that goes in steps.
// Loki keeps one of equal entries of one time, and has no order of different ones.
// before is the time of the entry before all; that of the last one is returned.
func inOrder(entries []batch.Entry, before time.Time) (last time.Time) {
	for i := range entries {
		e := &entries[i]
		if e.Time.IsZero() {
			continue // it gets the time of sending
		}
		if behind := before.Sub(e.Time); behind >= 0 && behind <= jumble {
			e.Time = before.Add(1)
		}
		before = e.Time
	}
	return before
}

// streamName keys no checkpoint: the stream has no cursor.
const streamName = "slog"

// release ends the way of the chunk in hand.
func (c *courier) release(handed bool) {
	c.src.queue.release(c.hand, handed)
	c.hand = nil
}

// leave is the last thing a Run does. It has something in hand only if a plug-in
// has ended the goroutine within Send: then the pipeline has taken care of that.
func (c *courier) leave() {
	if c.hand != nil {
		c.release(true)
	}
}

// labels are those of entries of level l: that at or below it which has a name.
func (c *courier) labels(l slog.Level) batch.Labels {
	switch {
	case l < slog.LevelInfo:
		l = slog.LevelDebug
	case l < slog.LevelWarn:
		l = slog.LevelInfo
	case l < slog.LevelError:
		l = slog.LevelWarn
	default:
		l = slog.LevelError
	}
	labels, known := c.levels[l]
	if !known {
		labels, _ = c.src.cfg.Labels.With(slog.LevelKey, l.String()) // both are valid
		if c.levels == nil {
			c.levels = map[slog.Level]batch.Labels{}
		}
		c.levels[l] = labels
	}
	return labels
}
