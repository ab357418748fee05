package container

import (
	"slices"
	"time"
)

// A census is what discovery knows of the containers there are, and decides
// which of them to wake. Lists are the truth, but older than events that came
// while they were made. It is for one goroutine.
type census struct {
	roster roster
	match  func(*summary, standing) bool
	known  map[string]*sighting

	begun bool                // a list was taken in
	round int                 // of the list that was asked for last
	left  map[string]struct{} // who was removed since then
	broke time.Time           // when events may have been missed last
	// Containers are woken again, see remind, as often as this allows: tokens
	// come with time.
	tokens   int
	tokensAt time.Time
}

// A sighting is what was last seen of a container.
type sighting struct {
	id          string
	name, state string    // "" if it is not known, unsure after an event that came late
	at          time.Time // of the last event that told a state
	woken       time.Time // zero: never
	refused     bool      // it will not be followed, whatever its state
	listed      bool      // ever
	missing     bool      // in the last list
	heard       int       // the round in which an event last told of it
}

const (
	// reminder is when a container is woken again although nothing was heard of
	// it. It should not be needed; but engines leave out events for a subscriber
	// that was slow, and lists do not tell that a container was run once more.
	reminder = time.Hour
	// perReminder is the time for which one container is woken again, and
	// maxReminders how many at once: their number knows no bound, and a broken
	// event stream may break again at once.
	perReminder  = 10 * time.Millisecond
	maxReminders = 3000
)

func newCensus(r roster, match func(*summary, standing) bool) *census {
	return &census{roster: r, match: match, known: map[string]*sighting{}, left: map[string]struct{}{},
		tokens: maxReminders, tokensAt: time.Now()}
}

// begin notes that a list is asked for.
func (c *census) begin() {
	c.round++
	clear(c.left)
}

// hear takes in what events told of a container.
func (c *census) hear(n *news) {
	if n.gone {
		delete(c.known, n.id)
		c.left[n.id] = struct{}{}
		c.roster.gone(n.id)
		return
	}
	s := c.known[n.id]
	if s == nil {
		s = &sighting{id: n.id}
		c.known[n.id] = s
	}
	s.heard = c.round
	if n.state != "" {
		if s.state = n.state; n.at.Before(s.at) {
			s.state = unsure
		} else {
			s.at = n.at
		}
	}
	if slices.Contains(n.why, renamed) {
		s.name, s.refused = "", false
	}
	if s.refused {
		return
	}
	for _, why := range n.why {
		c.wake(s, why)
	}
}

func (c *census) wake(s *sighting, why reason) {
	s.woken = time.Now()
	c.roster.wake(s.id, why)
}

// take takes in a list. It returns how many changes there were of which no event
// has told.
func (c *census) take(all []summary) (surprises int) {
	c.begun = true
	all = slices.DeleteFunc(all, func(s summary) bool { _, left := c.left[s.id]; return left })
	c.roster.sync(c.present(all))
	for i := range all {
		if c.see(&all[i]) {
			surprises++
		}
	}
	c.remind()
	return surprises
}

// present returns who is there, and forgets who is not. A container that was
// there is believed to be gone only if two lists in a row do not have it, as
// there is no way back: its cursor goes with it.
func (c *census) present(all []summary) map[string]struct{} {
	ids := make(map[string]struct{}, len(all))
	for i := range all {
		ids[all[i].id] = struct{}{}
	}
	for id, s := range c.known {
		if _, ok := ids[id]; ok {
			continue
		}
		if s.heard != c.round && (!s.listed || s.missing) {
			delete(c.known, id)
			continue
		}
		ids[id] = struct{}{}
		s.missing = s.heard != c.round
	}
	return ids
}

// see takes in what a list tells of a container, and reports whether that was
// not known.
func (c *census) see(l *summary) (surprise bool) {
	s := c.known[l.id]
	if s == nil {
		s = &sighting{id: l.id, heard: -1}
		c.known[l.id] = s
	}
	newName := s.name != "" && s.name != l.name
	newState := s.state != l.state
	if heard := s.heard == c.round; heard && s.state != "" {
		newState = false // the event may be younger than the list
	} else {
		s.state = l.state
	}
	surprise = newState && s.heard != c.round
	s.listed, s.missing, s.name = true, false, l.name
	s.refused = !c.match(l, followed)
	if newName && !s.woken.IsZero() {
		c.wake(s, renamed) // whether it is followed any more may have changed
	}
	st := followed
	if s.woken.IsZero() {
		st = unknown
	}
	if (newState || st == unknown) && c.match(l, st) {
		c.wake(s, found)
	}
	return surprise
}

// remind wakes containers of which something may have been missed, as time
// allows, first those that wait the longest. When events were missed, those that
// run are left out: who reads them sees that they end.
func (c *census) remind() {
	now := time.Now()
	var due []*sighting
	for _, s := range c.known {
		if s.refused || s.missing || s.woken.IsZero() {
			continue
		}
		live := (&summary{state: s.state}).running()
		if now.Sub(s.woken) >= reminder || !live && !s.woken.After(c.broke) {
			due = append(due, s)
		}
	}
	c.tokens = min(maxReminders, c.tokens+int(now.Sub(c.tokensAt)/perReminder))
	c.tokensAt = now
	slices.SortFunc(due, func(a, b *sighting) int { return a.woken.Compare(b.woken) })
	for _, s := range due[:min(c.tokens, len(due))] {
		c.wake(s, found)
		c.tokens--
	}
}
