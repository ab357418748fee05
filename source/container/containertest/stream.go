package containertest

import "time"

// events answers with the events that are asked for, for as long as the client
// listens.
func (x *exchange) events(version) error {
	f, err := x.engine.config.Generation.parseFilters(x.r.FormValue("filters"))
	if err != nil {
		return err
	}
	since, err := moment(x.r.FormValue("since"))
	if err != nil {
		return err
	}
	until, err := moment(x.r.FormValue("until"))
	if err != nil {
		return err
	}
	if !until.IsZero() && until.Before(since) {
		return badRequest("`since` time (%s) cannot be after `until` time (%s)", x.r.FormValue("since"), x.r.FormValue("until"))
	}
	s := x.subscribe(f, since, until)
	defer x.unsubscribe(s)
	if err := x.begin("application/json"); err != nil {
		return err
	}
	var over <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(until.Sub(x.engine.Now()))
		defer timer.Stop()
		over = timer.C
	}
	return x.tell(s, over)
}

func (x *exchange) subscribe(f filters, since, until time.Time) *subscription {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	return x.engine.events.subscribe(f, since, until, x.wake, &x.engine.stats.SkippedEvents)
}

func (x *exchange) unsubscribe(s *subscription) {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	x.engine.events.unsubscribe(s)
}

// tell sends the events of a subscription, each one as its faults have it, until
// over.
func (x *exchange) tell(s *subscription, over <-chan time.Time) error {
	var held delays
	for {
		x.engine.mu.Lock()
		event := s.take()
		var do Action
		if event != nil {
			do = x.engine.single(Events, event.ID, event.Attributes["name"], event.Action)
		}
		x.engine.mu.Unlock()
		if event == nil {
			x.flush()
			if err := x.rest(over); err != nil {
				return err
			}
			continue
		}
		for _, line := range held.order(event.encode(), do) {
			if err := x.frame(line); err != nil {
				return err
			}
		}
	}
}
