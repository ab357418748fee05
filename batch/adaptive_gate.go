package batch

// A gate is shut while the destination does not answer. Then single probes go
// out, small and timed, until one of them is answered.
//
// It shuts when five Writes in a row have failed, or when nothing has come back
// of those in flight for five times as long as the largest take: a destination
// that hangs is noticed before Writes time out. From one probe to the next an
// eighth of the time passes that the destination has been away, 5 s at most, so
// that its return is noticed within an eighth of the outage and long outages are
// asked after rarely. A probe itself has an eighth of that time as well, and at
// least 1 s and five times what Writes take: a destination that has become slow
// is reached in the end.
type gate struct {
	shut    bool
	silent  bool    // because nothing came back
	row     int     // failures since the last answer
	away    float64 // since when the destination has been
	closed  float64 // when the gate shut
	until   float64 // the next probe
	told    float64 // nothing may begin before: the destination has said so
	heard   float64 // when a Write ended, or none was in flight
	probing float64 // until when a probe is under way, if it is not answered
	begun   int64   // bytes of all Writes begun, when last seen
	running int     // Writes in flight, when last seen
	hung    int     // of them, those that had begun when the gate shut
	window  float64 // before the first failure of the row
}

const (
	shuts    = 5 // failures in a row
	halves   = 2 // so many halve the window: one by itself may have reasons of its own
	probe    = 64 << 10
	share    = 1.0 / 8 // of the time away: from one probe to the next, and for a probe
	latest   = 5.0     // seconds from one probe to the next
	soonest  = 0.1     // seconds from the end of a probe to the next
	patience = 1.0     // seconds for an answer
	slowness = 5       // times what one takes
	longest  = 30.0    // seconds for a probe, if Writes do not take long
)

// look notices that nothing comes back.
func (g *gate) look(now float64, running int, c *cost, w *window) {
	g.running = running
	g.hung = min(g.hung, running)
	if running == 0 {
		g.heard = now
	}
	if !g.shut && now > g.heard+silence(c) {
		g.fail(w, g.heard)
		g.close(now)
		g.silent = true
	}
}

// silence is how long nothing may come back.
func silence(c *cost) float64 { return max(patience, slowness*c.of(c.largest)) }

// limits are those of probes. A Write that began earlier and is still in flight
// does not stand in their way.
func (g *gate) limits(now float64, st State, most int, c *cost) (inFlight int, wait, timeout float64) {
	timeout = max(patience, slowness*c.mean, min(share*(now-g.away), longest))
	if g.probing == 0 && st.Begun > g.begun {
		g.probing = now + timeout
	}
	inFlight = st.InFlight
	wait = max(g.until, g.probing) - now // until the probe must be back
	if now >= g.probing {
		g.probing = 0
		inFlight++
	}
	return max(1, min(inFlight, most)), wait, timeout
}

// ended takes note of the end of a Write, and reports whether that says nothing
// new unless it was answered: it had begun when the gate shut.
func (g *gate) ended(now, took float64) (old bool) {
	g.heard = now
	if g.hung > 0 && now-took < g.closed {
		g.hung--
		return true
	}
	return false
}

// failed takes a failure of a Write that took so long. spread is a factor for the
// time from one probe to the next, so that many clients do not come back at once.
func (g *gate) failed(now, took, spread float64, w *window) {
	g.fail(w, now)
	switch {
	case g.shut:
		g.unanswered(now, took, spread)
	case g.row >= shuts:
		g.close(now)
		g.until = now + spread*soonest
	case g.row == halves:
		w.n = max(1, w.n/2)
	}
}

// unanswered takes the end of a probe that did not open the gate: the next one
// begins when it is time, and not when this one would have been late.
func (g *gate) unanswered(now, took, spread float64) {
	if g.shut {
		g.probing = 0
		g.until = now + max(soonest, spread*min(share*(now-g.away), latest)-took)
	}
}

func (g *gate) fail(w *window, away float64) {
	if g.row++; g.row == 1 {
		g.away, g.window = away, w.n
	}
}

func (g *gate) close(now float64) {
	g.shut, g.closed, g.until, g.probing = true, now, now, 0
	g.hung = g.running
}

// answered opens the gate, for half of the window that there was before, or for
// all of it if there was silence but no failure. It reports whether the silence
// was none: old says that the answer is to a Write that had begun before. Then
// the destination takes longer than it ever did, and probes that were not given
// that time are no failures of it.
func (g *gate) answered(w *window, old bool) (slow bool) {
	if g.shut {
		slow = g.silent && old
		g.shut, g.silent = false, false
		n := g.window
		if g.row > 1 && !slow {
			n = max(2, n/2)
		}
		w.n, w.fresh = min(w.most, n), 0
	}
	g.row = 0
	return slow
}
