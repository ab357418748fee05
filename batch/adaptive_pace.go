package batch

import "math"

// A pace keeps to the rate that a destination accepts, which it tells by
// refusing what comes faster (429), usually out of a token bucket.
//
// Between two refusals that follow each other closely the bucket let through
// what flowed into it: that much a second is the rate, of which 98 % are used.
// After a longer time it may have been full, and let through more just before
// the refusal, or less; then 85 % of what passed in the last second are, unless
// more than that passed all the time. The rate is raised by 2 % a second at
// first and by more and more the longer nothing is refused, as CUBIC (RFC 9438)
// does; after some 25 s it is no limit any more.
type pace struct {
	rate   float64 // bytes a second; zero: as they come
	credit float64 // bytes that may begin; a Write may overdraw it
	most   float64 // of credit
	at     float64 // when credit was right
	begun  int64   // and the bytes begun by then

	passed  float64 // bytes delivered since the last refusal
	refusal float64 // when that was
	recent  float64 // bytes delivered in the last second, fading
	heard   float64 // when recent was right
	row     int     // refusals since something was delivered
	until   float64 // nothing may begin before
}

const (
	slowest = 1 << 10 // bytes a second
	// unlimited bytes a second are no limit.
	unlimited = 1e12
	// firstCredit is for how many seconds of the rate Writes may begin at once.
	// Each refusal takes most of that, as the bucket may be smaller, and 100 s give
	// it back.
	firstCredit = 0.1
	// deepest is for how many seconds of the rate credit may be overdrawn: a rate
	// that was misjudged must not stop everything.
	deepest = 10
	// closely is for how many seconds the bucket is not taken to fill up.
	closely = 4
	// inRow refusals, without anything delivered in between, mean that the
	// request may be larger than the bucket, and would never be accepted.
	inRow = 4
	// smallest bytes are not too many for any bucket.
	smallest = 16 << 10
)

// pause is for how many seconds no Write may begin.
func (p *pace) pause(now float64, begun int64) float64 {
	dt := now - p.at
	if p.rate > 0 {
		p.credit = min(p.most, p.credit+p.rate*dt) - max(0, float64(begun-p.begun))
		p.credit = max(p.credit, -deepest*p.rate)
		calm := now - p.refusal
		growth := 1 + min(dt, 1)*0.02*(1+calm*calm/9)
		p.rate *= growth
		p.most = min(p.most+p.rate*firstCredit*dt/100, p.rate*firstCredit)
		if p.rate > unlimited {
			p.rate = 0
		}
	}
	p.at, p.begun = now, begun
	wait := p.until - now
	if p.rate > 0 && p.credit < 0 {
		wait = max(wait, -p.credit/p.rate)
	}
	return wait
}

func (p *pace) delivered(now, bytes float64) {
	p.recent = p.recent*math.Exp(p.heard-now) + bytes
	p.heard = now
	p.passed += bytes
	p.row = 0
}

// throttled takes a refusal of a request that began that many seconds ago, with
// the seconds to wait that it told of.
func (p *pace) throttled(now, size, took, told float64) {
	p.row++
	if p.refusal > 0 && now-p.refusal < took {
		p.until = max(p.until, now+told)
		return // it had begun when the last one was refused, and says the same
	}
	if p.rate > 0 || p.passed > 0 { // or else there is nothing to go by
		p.slow(now, size)
	}
	p.passed, p.refusal = 0, now
	if told == 0 {
		told = 0.1 * math.Exp2(float64(min(p.row, 7)-1))
	}
	p.until = max(p.until, now+told)
}

// slow goes on with less, once as much as was refused has flowed into the bucket:
// then there is enough for the next request as well, or soon will be.
func (p *pace) slow(now, size float64) {
	rate := max(slowest, p.accepted(now))
	if p.rate == 0 {
		p.most = rate * firstCredit
	}
	p.rate = rate
	p.most *= 0.3
	p.credit = max(min(p.credit, -size), -deepest*p.rate)
}

// accepted is the rate to go on with after a refusal.
// It falls by 30 % at most: a small bucket that is full before a pause ends lets
// less pass than it could, and one that was full at first much more.
func (p *pace) accepted(now float64) float64 {
	calm := now - p.refusal
	passed := 0.98 * p.passed / max(calm, 0.1)
	recent := 0.85 * p.recent * math.Exp(p.heard-now)
	switch {
	case p.rate == 0:
		return max(recent, passed)
	case calm > closely:
		return max(min(0.85*p.rate, recent), min(0.95*p.rate, passed))
	}
	return min(0.95*p.rate, max(0.7*p.rate, passed))
}

// stuck reports whether requests may be larger than what is ever accepted. If so
// all begins anew: smaller ones are tried soon, and what did not pass for its size
// says nothing of the rate.
func (p *pace) stuck() bool {
	if p.row < inRow {
		return false
	}
	p.row, p.rate = 0, 0
	return true
}
