package batch

import (
	"errors"
	"fmt"
	"time"
)

// An AdaptiveConfig bounds what an [Adaptive] may choose. The zero value is
// right for a Loki nearby, one far away, and a file.
type AdaptiveConfig struct {
	// MinBytes is the size below which a backlog is not shared out among the
	// Writes that may begin; a batch that waits no longer may be smaller. Zero:
	// 16 KiB, or MaxBytes if that is less.
	MinBytes int
	// MaxBytes is the size that batches never exceed, single entries that are
	// larger apart. Zero: 2 MiB, half of what Loki takes as it comes.
	MaxBytes int
	// MaxEntries bounds batches of short lines. Zero: 50,000.
	MaxEntries int
	// MinWait is how long an entry waits for company when nothing is in flight,
	// so that lines written together go together. Zero: 2 ms, or MaxWait if that
	// is less; negative: it does not wait.
	MinWait time.Duration
	// MaxWait is how long it waits at most while another Write may begin. Zero:
	// 200 ms.
	MaxWait time.Duration
	// MaxInFlight bounds concurrent Writes, up to 1024. The route has a bound of
	// its own. Zero: 32.
	MaxInFlight int
}

// withDefaults is c with its zeros replaced.
func (c AdaptiveConfig) withDefaults() AdaptiveConfig {
	if c.MaxBytes == 0 {
		c.MaxBytes = 2 << 20
	}
	if c.MinBytes == 0 {
		c.MinBytes = min(16<<10, c.MaxBytes)
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = 50_000
	}
	if c.MaxWait == 0 {
		c.MaxWait = defaultLimits.MaxWait
	}
	if c.MinWait == 0 {
		c.MinWait = min(2*time.Millisecond, c.MaxWait)
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 32
	}
	return c
}

// validate returns all that is wrong with c.
func (c AdaptiveConfig) validate() error {
	var all []error
	bad := func(field, format string, args ...any) {
		all = append(all, fmt.Errorf("batch: AdaptiveConfig.%s: "+format, append([]any{field}, args...)...))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MinBytes", int64(c.MinBytes)}, {"MaxBytes", int64(c.MaxBytes)}, {"MaxEntries", int64(c.MaxEntries)},
		{"MaxWait", int64(c.MaxWait)}, {"MaxInFlight", int64(c.MaxInFlight)},
	} {
		if f.value < 0 {
			bad(f.name, "is negative")
		}
	}
	d := c.withDefaults()
	if d.MaxBytes > 0 && d.MinBytes > d.MaxBytes {
		bad("MinBytes", "%d is more than MaxBytes, %d", d.MinBytes, d.MaxBytes)
	}
	if d.MaxWait > 0 && d.MinWait > d.MaxWait {
		bad("MinWait", "%v is more than MaxWait, %v", d.MinWait, d.MaxWait)
	}
	if d.MaxInFlight > mostInFlight {
		bad("MaxInFlight", "%d is more than %d", d.MaxInFlight, mostInFlight)
	}
	return errors.Join(all...)
}

const (
	// mostInFlight bounds what a window remembers.
	mostInFlight = 1024
	// lingerShare of a round trip is what waiting for company may add to it.
	lingerShare = 0.1
	// worthwhile is how many times the fixed cost of a request its bytes should
	// take: smaller, the backlog is not shared out.
	worthwhile = 1
	// plenty is the same for a request that is large enough: 3 % are overhead.
	// Larger ones save nothing, hold up what comes behind them, and cost more
	// when they must be repeated. plentyFloor is where that is not looked at,
	// as a small fixed cost is not known well.
	plenty      = 32
	plentyFloor = 256 << 10
	// behind is how many such requests may be queued for each in flight. With
	// more there is no time to lose, and a size that was misjudged shows.
	behind = 8
)

// An Adaptive is a [Shaper] that finds out how large batches should be, how long
// entries should wait for company and how many Writes should be in flight, from
// what Writes took and what came of them. It serves one route: like any Shaper it
// is called by one goroutine at a time, which need not be the same. It has no
// clock: all times come with State and Outcome, so that the same calls have the
// same results. What it knows is bounded and none of it is kept beyond the
// process.
//
// # What it does
//
// Dispatch is group commit. With nothing in flight, an entry waits MinWait for
// company. With something in flight it waits for a tenth of what a Write takes,
// which is then the most that waiting adds. With as many in flight as the window
// lets, everything gathers, and the next Write takes it: batches grow with the
// load by themselves, and no target size has to be guessed. A backlog is shared
// out among the Writes that may begin, so that those are served side by side: in
// requests whose bytes take as long as the rest of the request at least, and not
// in larger ones than those of which 3 % are overhead, as long as there is no more
// queued than eight of those for each in flight.
//
// Five parts learn, each with state of its own, in seconds and bytes:
//
//   - The cost of a Write by itself, F + c*S for a size S, by weighted least
//     squares over the last 64 or so that had the least company. Times are
//     compared after that, and not by classes of size: those make large batches
//     look like crowding.
//   - The window, how many Writes may be in flight: 8 at first, 1 to MaxInFlight.
//     Where twice as many in flight take as long each, the destination has room;
//     where they take twice as long each, they queue. The window seeks the bend in
//     between, of slope 1/2 on logarithmic scales, from what Writes took that
//     began with so many in flight, over the last 5 s or 20 Writes' time. It
//     doubles until it is crowded for the first time, then goes up by 15 % and
//     down by 15 %, the latter only if the slope is certain to two standard
//     errors: too few in flight cost more than too many.
//   - The size that the destination takes. A request that is TooLarge halves it,
//     and it is then sought between the largest that was taken and the smallest
//     that was not, to an eighth; after 5 minutes a larger one is tried.
//   - The pace that it accepts, if it refuses (429). What passed between refusals
//     gives the rate, which is then kept by pausing, and raised by 2 % a second
//     and ever faster. Four refusals in a row, without anything delivered, halve
//     the size: a request larger than the bucket is never accepted. Retry-After
//     is respected; without one the pause is 0.1 s, doubled with each refusal in
//     a row up to 6.4 s.
//   - The gate. Two failures in a row halve the window, five shut the gate, and
//     so does silence of five times what the largest Writes take, 1 s at least.
//     Then single probes of at most 64 KiB go out, from one to the next an eighth
//     of the time that the destination has been away, up to 5 s, give or take
//     20 %. A probe has five times what a Write takes, an eighth of the time away
//     up to 30 s, or 1 s, whichever is longest. An answer of any kind opens the
//     gate, with half of the window there was before the failures, or with all of
//     it if there have been none. If it is that of a Write that was there when
//     silence shut the gate, the destination is slow rather than away: then it is
//     all of the window, and what Writes took before is forgotten.
//
// A clock that is set back or forward by an hour makes it neither stall nor spin.
//
// # Where that comes from
//
// Group commit is what databases do with their logs. A window that is steered by
// times rather than losses is TCP Vegas (Brakmo and Peterson, 1995); Netflix's
// concurrency-limits and Vector's adaptive request concurrency bring it to
// requests. Those compare with the least or the mean time seen before, which goes
// wrong when batches differ in size and when the destination becomes slower; the
// slope does not need either. The constants have been found in simulations of
// randomly drawn destinations, package internal/shaping, whose results on others
// are in RESULTS.md there.
type Adaptive struct {
	cfg     AdaptiveConfig
	invalid error
	clock   clock
	cost    cost
	window  window
	size    size
	pace    pace
	gate    gate
}

// NewAdaptive returns an Adaptive for one route. It never fails: one with a
// configuration that Validate complains of does as one with none.
func NewAdaptive(cfg AdaptiveConfig) *Adaptive {
	a := &Adaptive{invalid: cfg.validate(), cfg: cfg.withDefaults()}
	if a.invalid != nil {
		a.cfg = AdaptiveConfig{}.withDefaults()
	}
	a.window = newWindow(a.cfg.MaxInFlight)
	a.size = size{now: a.cfg.MaxBytes, most: a.cfg.MaxBytes}
	a.cost.company = 1
	return a
}

// Validate returns all that is wrong with the configuration, each field named,
// or nil. Of an Adaptive that NewAdaptive has not made it says so. pipeline.New
// asks it.
func (a *Adaptive) Validate() error {
	if a.window.levels == nil {
		return errors.New("batch: Adaptive: is not one of NewAdaptive")
	}
	return a.invalid
}

// Limits implements Shaper. The route calls it; it takes some 50 ns and
// allocates nothing.
func (a *Adaptive) Limits(st State) Limits {
	now := a.clock.tick(st.Now)
	st.InFlight, st.Backlog = max(0, min(st.InFlight, mostInFlight)), max(0, st.Backlog)
	a.gate.look(now, st.InFlight, &a.cost, &a.window)
	wait := max(a.pace.pause(now, st.Begun), a.gate.told-now)
	l := Limits{MaxEntries: a.cfg.MaxEntries, MaxWait: a.cfg.MinWait}
	if a.gate.shut {
		inFlight, until, timeout := a.gate.limits(now, st, a.cfg.MaxInFlight, &a.cost)
		l.MaxBytes, l.InFlight, l.Timeout = min(probe, a.size.now), inFlight, duration(timeout)
		wait = max(wait, until)
	} else {
		l.InFlight = min(a.window.limit(now)+a.gate.hung, a.cfg.MaxInFlight)
		l.MaxBytes = a.bytes(st.Backlog, l.InFlight-st.InFlight)
		if st.InFlight > 0 {
			l.MaxWait = a.linger()
		}
		if st.InFlight >= l.InFlight {
			// No Write may begin in any case. If none ends, the route shall ask
			// again when that has become silence.
			wait = max(wait, a.gate.heard+silence(&a.cost)-now)
		}
	}
	a.gate.begun = st.Begun
	if wait > 0 {
		l.Pause = duration(wait) + 1 // not a wink too early
	}
	return l
}

// bytes is the size at which the backlog goes out in the Writes that may begin
// now, one at least.
func (a *Adaptive) bytes(backlog, free int) int {
	worth := max(a.cfg.MinBytes, a.cost.times(worthwhile))
	plenty := max(a.cfg.MinBytes, plentyFloor, a.cost.times(plenty), backlog/(behind*int(a.window.n)))
	return min(a.size.now, plenty, max(backlog/max(1, free), worth))
}

// linger is what an entry waits for company while others are in flight.
func (a *Adaptive) linger() time.Duration {
	return min(a.cfg.MaxWait, max(a.cfg.MinWait, duration(lingerShare*a.cost.mean)))
}

// Observe implements Shaper. The route calls it.
func (a *Adaptive) Observe(o Outcome) {
	now := a.clock.tick(o.Now)
	took, bytes, told := max(instant, o.Took.Seconds()), max(1, float64(o.Bytes)), min(longestPause, max(0, o.RetryAfter.Seconds()))
	old := a.gate.ended(now, took)
	switch o.Class {
	case Inconclusive:
		if !old {
			a.gate.unanswered(now, took, spread(o.Now))
		}
		return
	case Failed:
		a.gate.told = max(a.gate.told, now+told)
		if !old {
			a.gate.failed(now, took, spread(o.Now), &a.window)
		}
		return
	}
	if a.gate.answered(&a.window, old) {
		a.cost = cost{company: mostInFlight}
		a.window.forget()
	}
	switch o.Class {
	case Delivered:
		a.pace.delivered(now, bytes)
		a.size.delivered(now, o.Bytes)
		a.cost.observe(bytes, took, float64(o.InFlight))
		a.window.observe(now, bytes, took, float64(o.InFlight), &a.cost)
	case Throttled:
		a.pace.throttled(now, bytes, took, told)
		if a.size.now > smallest && a.pace.stuck() {
			a.size.halve(now, o.Bytes)
		}
	case TooLarge:
		if o.Entries != 1 { // that one is to blame alone
			a.size.refused(now, o.Bytes)
		}
	}
}

// spread is a factor within 20 % of 1 which is another each time, and in each
// process.
func spread(now time.Time) float64 {
	x := uint64(now.UnixNano()) * 0x9E3779B97F4A7C15 // Knuth's multiplicative hash, for 64 bits
	return 0.8 + 0.4*float64(x>>11)/(1<<53)
}
