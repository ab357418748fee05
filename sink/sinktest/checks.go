package sinktest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// perStream reports whether a batch must be of one stream.
func (h *harness) perStream() bool {
	for s := range sink.All[sink.PerStreamer](h.target.Sink) {
		if s.PerStream() {
			return true
		}
	}
	return false
}

// delivers: every entry once, whole, and in the order of its stream, in whatever way the batch was made.
func delivers(h *harness) {
	trace := batch.Attr{Key: "trace", Value: "4bf92f3577b34da6"}
	for round := range 4 {
		for i := range 3 {
			p := h.parcel(stream(i)).fill(batch.Labels{}, 19)
			p.add(batch.Labels{}, h.ledger.line(" with attributes"), trace, batch.Attr{Key: "round", Value: strconv.Itoa(round)})
			p.send()
		}
	}
	merged := batch.New(h.pool, batch.Labels{})
	merged.Merge(h.parcel(stream(0)).fill(batch.Labels{}, 5).b, nil)
	merged.Merge(h.parcel(stream(0)).fill(batch.Labels{}, 5).b, []int32{0, 2, 4})
	(&parcel{h: h, b: merged}).send()
	if h.perStream() {
		return
	}
	mixed := h.parcel(stream(0))
	for i := range 30 {
		mixed.fill(stream(i%3), 1)
	}
	mixed.send()
}

// hostile are contents that break what frames, encodes or displays lines.
var hostile = []string{
	"\x00 a NUL",
	"\xff\xfe\xc3\x28 invalid UTF-8",
	strings.Repeat("\xdb", 16) + " what overwritten memory looks like",
	"\n2026-01-02T03:04:05Z forged\r\nentry\r",
	"\x1b[2J\x1b]0;title\x07 escape sequences",
	"\u2028\u2029\u202e\ufeff format characters",
	`"}],"streams":[{"stream":{"a":"b"}}]} \ %s ${x} {{.}}`,
}

// takesHostile: any bytes are delivered, or refused for good; a retry that can never succeed would block its stream.
func takesHostile(h *harness) {
	for _, text := range hostile {
		p := h.parcel(stream(0))
		p.add(batch.Labels{}, h.ledger.line(text))
		p.send()
	}
	p := h.parcel(stream(0))
	p.add(batch.Labels{}, nil)
	p.send()
	p = h.parcel(stream(0))
	p.add(batch.Labels{}, h.ledger.line(strings.Repeat(" one mebibyte", 1<<20/13)))
	p.send()
	h.parcel(stream(0)).fill(batch.Labels{}, 3).send()
}

// refusesByLine: what is refused does not take its neighbours with it.
func refusesByLine(h *harness) {
	p := h.parcel(stream(0))
	for _, text := range hostile {
		p.fill(batch.Labels{}, 1)
		p.add(batch.Labels{}, h.ledger.line(text))
	}
	p.fill(batch.Labels{}, 1).send()
	for i, r := range p.records {
		if i%2 == 0 && r.fate == refused {
			h.Errorf("sinktest: %s: refused because of another line of its batch", r)
		}
	}
}

// takesEmpty: nothing to write is no error.
func takesEmpty(h *harness) {
	p := h.parcel(stream(0))
	h.writesNothing("an empty batch", p.b)
	p.fill(batch.Labels{}, 1)
	h.writesNothing("an empty Subset", p.b.Subset(nil))
	p.b.Settle(nil)
}

func (h *harness) writesNothing(what string, b *batch.Batch) {
	h.Helper()
	if err := h.within("Write of "+what, func(ctx context.Context) error { return h.target.Sink.Write(ctx, b) }); err != nil {
		h.Errorf("sinktest: Write of %s: %v", what, err)
	}
}

// writesSubset: a view is all there is to write.
func writesSubset(h *harness) {
	p := h.parcel(stream(0)).fill(batch.Labels{}, 10).seal()
	p.narrow([]int32{1, 4, 5, 9})
	h.within("Write of a Subset", p.deliver)
}

// writesConcurrently: Writes of different streams overlap, and Health may be asked meanwhile.
func writesConcurrently(h *harness) {
	const writers, parcels, entries = 8, 6, 10
	begin := make(chan struct{})
	var calls []*lifecycle.Handle
	for i := range writers {
		calls = append(calls, h.calls.Go("Write", func(ctx context.Context) error {
			<-begin
			for range parcels {
				if err := h.parcel(stream(i)).fill(batch.Labels{}, entries).seal().deliver(ctx); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for s := range sink.All[sink.Healther](h.target.Sink) {
		calls = append(calls, h.calls.Go("Health", func(context.Context) error {
			<-begin
			for range 100 {
				_ = s.Health() // whatever it says: it must not race with Write
			}
			return nil
		}))
	}
	close(begin)
	for _, call := range calls {
		h.await("one of several concurrent Writes", call)
	}
}

// mindsCancelled: a cancelled Write is soon over, is nobody's fault, and leaves the Sink usable.
func mindsCancelled(h *harness) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := h.parcel(stream(0)).fill(batch.Labels{}, 10).seal()
	err := h.within("Write under a cancelled context", func(context.Context) error {
		_, _, err := p.once(ctx)
		return err
	})
	if bad := permanentIn(err); bad != nil {
		h.Errorf("sinktest: the end of ctx made a permanent failure: %v", bad)
	}
	p.release()
	h.parcel(stream(1)).fill(batch.Labels{}, 3).send()
}

// mindsStall: the end of ctx ends a Write that gets no answer, and it is not taken for one.
func mindsStall(h *harness) {
	if h.target.Stall == nil {
		h.Skip("sinktest: Target.Stall is nil")
	}
	outage(h, h.target.Stall, min(h.target.Patience/10, 200*time.Millisecond), "stalled")
}

// reportsBreak: an outage is an error, not a permanent one, and afterwards nothing is lost.
func reportsBreak(h *harness) {
	if h.target.Break == nil {
		h.Skip("sinktest: Target.Break is nil")
	}
	outage(h, h.target.Break, h.target.Patience/2, "broken")
}

// outage makes the destination unavailable for one Write of at most d.
func outage(h *harness, begin func() (end func()), d time.Duration, state string) {
	h.parcel(stream(0)).fill(batch.Labels{}, 3).send()
	end := sync.OnceFunc(begin())
	h.Cleanup(end)
	p := h.parcel(stream(0)).fill(batch.Labels{}, 10).seal()
	err := h.within("Write to a "+state+" destination", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		_, _, err := p.once(ctx)
		return err
	})
	if err == nil {
		h.Errorf("sinktest: Write to a %s destination returned nil", state)
	}
	if bad := permanentIn(err); bad != nil {
		h.Errorf("sinktest: a %s destination made a permanent failure: %v", state, bad)
	}
	end()
	h.within("Write after the destination is back", p.deliver)
	h.parcel(stream(0)).fill(batch.Labels{}, 3).send()
}

// closesCancelled: Close comes back even if it is given no time.
func closesCancelled(h *harness) {
	h.parcel(stream(0)).fill(batch.Labels{}, 3).send()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.close(ctx)
}
