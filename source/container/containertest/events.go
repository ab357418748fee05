package containertest

import "time"

const (
	kept    = 256                    // how many events an engine keeps
	backlog = 1024                   // how many wait for a subscriber
	patient = 100 * time.Millisecond // how long an event waits for room among those
)

// events are the newest ones, and who is told of more. The engine's lock guards
// them.
type events struct {
	ring        []*Event
	subscribers map[*subscription]struct{}
}

// A subscription is one request for events.
type subscription struct {
	filters filters
	wake    chan struct{}
	queue   []waiting
	skipped *int
}

// waiting is an event that a subscriber has not taken yet. One for which there was
// no room at first counts from the moment when there was.
type waiting struct {
	event *Event
	until time.Time // it is skipped if there is no room by then; zero: it has got some
}

func (e *events) publish(event Event) {
	if len(e.ring) == kept {
		copy(e.ring, e.ring[1:])
		e.ring[kept-1] = &event
	} else {
		e.ring = append(e.ring, &event)
	}
	for s := range e.subscribers {
		if s.filters.event(&event) {
			s.add(&event)
		}
	}
}

// forget drops what is kept, as a restart does.
func (e *events) forget() { e.ring = nil }

// subscribe returns a subscription, which begins with those of the events that are
// kept which are not before since, unless that is zero.
func (e *events) subscribe(f filters, since, until time.Time, wake chan struct{}, skipped *int) *subscription {
	s := &subscription{filters: f, wake: wake, skipped: skipped}
	// From the newest back, up to the first that is too old: a clock that was set
	// back hides what is before.
	first := len(e.ring)
	for first > 0 && !(since.IsZero() && until.IsZero()) && !e.ring[first-1].Time.Before(since) {
		first--
	}
	for _, event := range e.ring[first:] {
		if f.event(event) && (until.IsZero() || !event.Time.After(until)) {
			s.queue = append(s.queue, waiting{event: event})
		}
	}
	if e.subscribers == nil {
		e.subscribers = map[*subscription]struct{}{}
	}
	e.subscribers[s] = struct{}{}
	return s
}

func (e *events) unsubscribe(s *subscription) { delete(e.subscribers, s) }

// add queues an event. The subscriber has a backlog; what does not fit waits a
// little, and is skipped then without a word.
func (s *subscription) add(event *Event) {
	w := waiting{event: event}
	if s.settle(); len(s.queue) >= backlog {
		w.until = time.Now().Add(patient)
	}
	s.queue = append(s.queue, w)
	notify(s.wake)
}

// settle skips the events that have waited for room in vain.
func (s *subscription) settle() {
	if len(s.queue) <= backlog {
		return
	}
	now, rest := time.Now(), s.queue[:backlog]
	for _, w := range s.queue[backlog:] {
		if now.Before(w.until) {
			rest = append(rest, w)
		} else {
			*s.skipped++
		}
	}
	s.queue = rest
}

// take returns the next event, nil if there is none.
func (s *subscription) take() *Event {
	s.settle()
	if len(s.queue) == 0 {
		return nil
	}
	event := s.queue[0].event
	s.queue = s.queue[1:]
	return event
}
