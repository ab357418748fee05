package loki

import "sync/atomic"

// Stats are the counters of a Sink since it was made, as [Sink.Stats] returns them. They belong to the caller.
type Stats struct {
	Entries   int64         // stored, so far as Loki says
	Clamped   int64         // of these, entries with a time that Times.Clamp gave them
	OverLimit int64         // of these, entries with labels that went along as attributes because of Loki's limits
	Requests  int64         // sent, repeated and probing ones included
	Statuses  map[int]int64 // answers by status code; 0: no answer
	RawBytes  int64         // of all requests before compression
	WireBytes int64         // after compression, headers not counted
	Resends   int64         // requests that repeated a part of another one to find out which entries it refused, or to get through

	// Unanswered counts the requests that were sent whole and had no answer, or not all of it. Loki may have stored what
	// they held, and stores it once when it is sent again. One that is repeated at once, because its connection turned out
	// to have been closed, counts here and not in Requests.
	Unanswered int64
}

// statuses is how many status codes are told apart. HTTP has none above 599; what is reported above counts as the last.
const statuses = 600

type counters struct {
	statuses                       [statuses]atomic.Int64
	requests, raw, wire, resending atomic.Int64
	entries, clamped, overLimit    atomic.Int64
	unanswered                     atomic.Int64
}

// stored counts the entries idx.
func (c *counters) stored(m *mapping, w *draft, idx []int32) {
	n := int64(len(idx))
	c.entries.Add(n)
	if m.overLimit {
		c.overLimit.Add(n)
	}
	if w.sent == nil {
		return
	}
	for _, i := range idx {
		if w.sent[i].clamped {
			c.clamped.Add(1)
		}
	}
}

func (c *counters) sent(raw, wire int) {
	c.requests.Add(1)
	c.raw.Add(int64(raw))
	c.wire.Add(int64(wire))
}

func (c *counters) answered(status int) {
	c.statuses[max(0, min(status, statuses-1))].Add(1)
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Entries:   c.entries.Load(),
		Clamped:   c.clamped.Load(),
		OverLimit: c.overLimit.Load(),
		Requests:  c.requests.Load(),
		Statuses:  map[int]int64{},
		RawBytes:  c.raw.Load(),
		WireBytes: c.wire.Load(),
		Resends:   c.resending.Load(),

		Unanswered: c.unanswered.Load(),
	}
	for code := range c.statuses {
		if n := c.statuses[code].Load(); n > 0 {
			s.Statuses[code] = n
		}
	}
	return s
}
