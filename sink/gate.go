package sink

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A gate decides which Writes of a [Breaker] go through. gobreaker counts, and sees to it that one Write at a time goes
// through while half-open; but how long it is open is the same each time there, so the time is kept here: gobreaker's own
// is over at once, and what it then takes for half-open is open here until it is time.
type gate struct {
	cfg     BreakerConfig
	counter *gobreaker.TwoStepCircuitBreaker[struct{}]
	changes changes

	// counter's lock may be held when mu is taken, and never the other way round.
	mu      sync.Mutex
	state   State
	until   time.Time     // before that nothing goes through, unless closed
	leave   time.Time     // until then the destination asked to be left alone
	opened  int           // times, since it was last closed
	probing time.Time     // when the probe under way began; zero: there is none
	rtt     time.Duration // of Writes that succeeded, smoothed; zero: none did
}

const (
	// leastProbeTimeout and probeTrips say when a probe is late: a destination that has just come back may be slow.
	leastProbeTimeout = time.Second
	probeTrips        = 5
	// smoothing is the share of the latest Write in gate.rtt, as RFC 6298, section 2, has it.
	smoothing = 8
	// leastRefusal keeps who was refused from asking again in the same breath.
	leastRefusal = time.Millisecond
	// leastBesideProbe is how soon to ask again at the soonest while a probe is under way.
	leastBesideProbe = 50 * time.Millisecond
)

var errExcluded = errors.New("sink: says nothing about the destination")

func newGate(cfg BreakerConfig) *gate {
	g := &gate{cfg: cfg}
	g.changes.tell = cfg.OnState
	g.counter = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		// MaxRequests is both how many half-open admits and how many successes close it.
		MaxRequests:   1,
		Timeout:       time.Nanosecond,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= cfg.Failures },
		OnStateChange: g.changed,
		IsExcluded:    func(err error) bool { return err == errExcluded },
	})
	return g
}

// A pass lets one Write through, and is given back exactly once.
type pass struct {
	done    func(error)
	probe   bool
	timeout time.Duration // of a probe
}

// admit returns a pass, or the error of a Write that is refused.
func (g *gate) admit() (pass, error) {
	if _, left := g.look(time.Now()); left > 0 {
		return pass{}, g.refuse()
	}
	done, err := g.counter.Allow()
	if err != nil {
		return pass{}, g.refuse()
	}
	// It may have opened since it was looked at, and to the counter that is half-open already.
	if p, ok := g.enter(done); ok {
		return p, nil
	}
	return pass{}, g.refuse()
}

// refuse is refusal, and has OnState told.
func (g *gate) refuse() error {
	g.changes.announce()
	return g.refusal()
}

// refusal is the error of a Write that does not go through now.
func (g *gate) refusal() error {
	now := time.Now()
	_, left := g.look(now)
	if left <= 0 {
		// Nobody knows when the probe under way will end: to wait for as long as it has lasted is to ask a few times,
		// and to be late by no more than it took.
		left = max(g.probed(now), leastBesideProbe)
	}
	return RetryAfter(ErrBreakerOpen, max(left, leastRefusal))
}

// probed is for how long the probe under way has been.
func (g *gate) probed(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing.IsZero() {
		return 0
	}
	return now.Sub(g.probing)
}

// giveBack takes p back: with nil for a success, errExcluded for what says nothing about the destination, else a failure.
func (g *gate) giveBack(p pass, verdict error) {
	if p.probe {
		g.mu.Lock()
		g.probing = time.Time{}
		g.mu.Unlock()
	}
	p.done(verdict)
	g.changes.announce()
}

// look returns the state at now and how long nothing goes through.
func (g *gate) look(now time.Time) (State, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.left(now)
}

// left makes an open gate half-open if it is time, and returns how long nothing goes through. The caller holds mu.
func (g *gate) left(now time.Time) time.Duration {
	if g.state == Closed {
		return 0
	}
	left := g.until.Sub(now)
	if left <= 0 && g.state == Open {
		g.turn(HalfOpen)
	}
	return max(left, 0)
}

// enter makes the pass of a Write that the counter admitted with done, or, if that comes too early, gives it back.
func (g *gate) enter(done func(error)) (p pass, ok bool) {
	if p, ok = g.pass(done, time.Now()); !ok {
		done(errExcluded)
	}
	return p, ok
}

func (g *gate) pass(done func(error), now time.Time) (p pass, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left(now) > 0 {
		return pass{}, false
	}
	p = pass{done: done, probe: g.state == HalfOpen}
	if p.probe {
		g.probing = now
		p.timeout = g.probeTimeout()
	}
	return p, true
}

// probeTimeout is what a probe is given. It grows, or else a destination that became slower would never be found to be
// back. The caller holds mu.
func (g *gate) probeTimeout() time.Duration {
	if g.rtt == 0 {
		return g.cfg.ProbeTimeout
	}
	return doubled(max(probeTrips*g.rtt, leastProbeTimeout), g.opened-1, g.cfg.ProbeTimeout)
}

// doubled returns d after n doublings, at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// changed is called by the counter with its lock held.
func (g *gate) changed(_ string, _, to gobreaker.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		now := time.Now()
		d := doubled(g.cfg.OpenFor, g.opened, g.cfg.MaxOpenFor)
		g.until = now.Add(jittered(d, g.cfg.Jitter))
		if g.leave.After(g.until) {
			g.until = g.leave
		}
		g.opened++
		g.turn(Open)
	case gobreaker.StateClosed:
		g.opened = 0
		g.turn(Closed)
	}
}

// turn changes the state. The caller holds mu.
func (g *gate) turn(to State) {
	g.changes.add(change{g.state, to})
	g.state = to
}

// succeeded notes how long a Write took.
func (g *gate) succeeded(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	took = max(took, 1)
	if g.rtt == 0 {
		g.rtt = took
	}
	g.rtt += (took - g.rtt) / smoothing
}

// told notes that the destination asked to be left alone for d, if that is more than nothing. When it is not there, it is
// not asked before that.
func (g *gate) told(d time.Duration) {
	if d <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := time.Now().Add(d); at.After(g.leave) {
		g.leave = at
	}
	if g.state == HalfOpen && g.leave.After(g.until) {
		g.until = g.leave
	}
}
