package shaping

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Destination says how a service answers. A request is sent over a shared
// path, checked for its size and against a rate, and served by one of Slots
// workers in Fixed plus PerByte for each byte, in the order it came.
type Destination struct {
	RTT       time.Duration // there and back, without the bytes
	Fixed     time.Duration // of a worker, per request
	PerByte   float64       // nanoseconds of a worker per byte on the wire
	Slots     int           // requests served at once: the knee
	Bandwidth float64       // bytes on the wire a second, of all requests together; zero: no limit
	Collapse  float64       // by how much service slows for each Slots requests beyond the knee
	Jitter    float64       // sigma of the log of what service takes
	Spikes    float64       // share of requests that take ten times as long
	Ratio     float64       // bytes on the wire per byte of a batch
	Uneven    float64       // sigma of the log of that ratio from request to request
	MaxWire   int           // bytes on the wire beyond which a request is too large; zero: none
	Rate      float64       // bytes of batches accepted a second; zero: as many as come
	Burst     float64       // bytes that may be accepted at once; a larger request never is
	Told      time.Duration // Retry-After of a refusal for the rate; zero: it does not say
	Flaky     float64       // share of requests that fail for no reason
	Outages   []Outage
	Moves     []Move
}

// An Outage is a time in which requests fail: at once, or by not being answered.
type Outage struct {
	From, To time.Duration
	Hangs    bool
}

// A Move is a change of the service: from At on it has Slots workers, and takes
// Slow times as long.
type Move struct {
	At    time.Duration
	Slots int
	Slow  float64
}

// An answer is what comes of a request: when its sender learns of it, and what.
type answer struct {
	at         time.Duration
	class      batch.Class
	retryAfter time.Duration
}

// A service is a Destination at work.
type service struct {
	Destination
	rng      *rand.Rand
	free     []time.Duration // when each worker is
	pathFree time.Duration
	tokens   float64
	filled   time.Duration // when tokens was right
	slow     float64
	moves    []Move // still to come
}

func newService(d Destination, rng *rand.Rand) *service {
	return &service{
		Destination: d, rng: rng, free: make([]time.Duration, max(1, d.Slots)),
		tokens: d.Burst, slow: 1, moves: d.Moves,
	}
}

// request is answered within timeout, or counts as failed then. running is how
// many are under way, this one included.
func (s *service) request(now time.Duration, bytes, running int, timeout time.Duration) answer {
	s.move(now)
	a := s.answer(now, bytes, running)
	for _, o := range s.Outages {
		switch {
		case a.at < o.From || now >= o.To:
		case o.Hangs:
			a = answer{at: now + timeout, class: batch.Failed}
		default: // those under way are cut off when it begins
			a = answer{at: max(now, o.From) + s.RTT, class: batch.Failed}
		}
	}
	if a.at > now+timeout {
		a = answer{at: now + timeout, class: batch.Failed}
	}
	return a
}

// answer is what the service says while it is there.
func (s *service) answer(now time.Duration, bytes, running int) answer {
	for _, o := range s.Outages {
		if now >= o.From && now < o.To {
			return answer{at: now} // it is never asked
		}
	}
	wire := float64(bytes) * s.Ratio * s.spread(s.Uneven)
	arrives := now
	if s.Bandwidth > 0 {
		arrives = max(now, s.pathFree) + time.Duration(wire/s.Bandwidth*1e9)
		s.pathFree = arrives
	}
	arrives += s.RTT / 2
	back := s.RTT / 2
	if s.MaxWire > 0 && wire > float64(s.MaxWire) {
		return answer{at: arrives + back, class: batch.TooLarge}
	}
	if s.Rate > 0 && !s.admit(arrives, float64(bytes)) {
		return answer{at: arrives + back, class: batch.Throttled, retryAfter: s.Told}
	}
	if s.Flaky > 0 && s.rng.Float64() < s.Flaky {
		return answer{at: arrives + s.Fixed + back, class: batch.Failed}
	}
	return answer{at: s.serve(arrives, wire, running) + back, class: batch.Delivered}
}

// serve returns when a worker is done with a request.
func (s *service) serve(arrives time.Duration, wire float64, running int) time.Duration {
	work := (float64(s.Fixed) + wire*s.PerByte) * s.spread(s.Jitter) * s.slow
	if s.Spikes > 0 && s.rng.Float64() < s.Spikes {
		work *= 10
	}
	if over := float64(running)/float64(len(s.free)) - 1; over > 0 {
		work *= 1 + s.Collapse*over
	}
	first := 0
	for i, at := range s.free {
		if at < s.free[first] {
			first = i
		}
	}
	done := max(arrives, s.free[first]) + time.Duration(work)
	s.free[first] = done
	return done
}

// admit takes bytes from the bucket, if they are in it.
func (s *service) admit(now time.Duration, bytes float64) bool {
	if now > s.filled {
		s.tokens = min(s.Burst, s.tokens+s.Rate*(now-s.filled).Seconds())
		s.filled = now
	}
	if bytes > s.tokens {
		return false
	}
	s.tokens -= bytes
	return true
}

// spread is a factor with a mean of 1 whose logarithm has that sigma.
func (s *service) spread(sigma float64) float64 {
	if sigma == 0 {
		return 1
	}
	return math.Exp(sigma*s.rng.NormFloat64() - sigma*sigma/2)
}

// move makes the changes that are due. Workers that go finish what they have.
func (s *service) move(now time.Duration) {
	for len(s.moves) > 0 && now >= s.moves[0].At {
		m := s.moves[0]
		s.moves = s.moves[1:]
		s.slow = m.Slow
		slices.Sort(s.free)
		for len(s.free) < m.Slots {
			s.free = append(s.free, now)
		}
		s.free = s.free[len(s.free)-max(1, m.Slots):]
	}
}

// bound is more bytes a second than any setting gets through, or that many.
func (d *Destination) bound() float64 {
	size := float64(int(4) << 20)
	if d.MaxWire > 0 {
		size = min(size, float64(d.MaxWire)/d.Ratio)
	}
	work := (float64(d.Fixed) + size*d.Ratio*d.PerByte) / 1e9
	best := float64(d.Slots) / work
	for _, m := range d.Moves {
		best = max(best, float64(m.Slots)/(work*m.Slow))
	}
	bytes := size * min(best, mostInFlight/(work+d.RTT.Seconds()))
	if d.Bandwidth > 0 {
		bytes = min(bytes, d.Bandwidth/d.Ratio)
	}
	if d.Rate > 0 {
		bytes = min(bytes, d.Rate)
	}
	return bytes
}

// within slows d down until it takes no more than that many bytes a second.
func (d *Destination) within(most float64) {
	for d.bound() > most {
		d.Fixed += d.Fixed / 4
		d.PerByte *= 1.25
	}
}
