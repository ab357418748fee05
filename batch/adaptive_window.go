package batch

import "math"

// A window is how many Writes may be in flight, by what they took that began
// with more in flight or fewer.
//
// While the destination has workers to spare, the n-th Write takes as long as
// the one before, and where it has none, n Writes take n times as long: on
// logarithmic scales, time over Writes in flight is flat first and then has a
// slope of 1, or more if the destination collapses. The window seeks the bend.
// It needs no idea of what a Write takes by itself, which under overload nobody
// sees, and compares Writes of the same minute, so that a destination that has
// become slower does not look crowded.
type window struct {
	n, most float64
	rising  bool    // no crowding has been seen yet: it doubles
	fresh   int     // Writes at the limit since the last decision
	next    float64 // no decision before
	lowered float64 // fewer may be in flight until then, to see what that does
	levels  []level // by how many were in flight when a Write began
}

const (
	// firstWindow is where it begins; it doubles from there until it is crowded.
	firstWindow = 8
	// bend is the slope from which on the window is too large, half way between
	// none and that of a queue.
	bend = 0.5
	// certain is by how many standard errors it must be exceeded. To have too
	// few in flight costs more than to have too many, most of the time.
	certain = 2
	// enough Writes, faded ones counted in part, are a sample.
	enough = 6
	// ample is a sample that more would not improve much.
	ample = 16
)

func newWindow(most int) window {
	w := window{n: min(firstWindow, float64(most)), most: float64(most), rising: true}
	w.levels = make([]level, most+1)
	return w
}

// low is the window at which less crowding is looked for.
func (w *window) low() float64 { return math.Floor(max(1, min(w.n-1, w.n*0.75))) }

func (w *window) limit(now float64) int {
	if now < w.lowered {
		return int(w.low())
	}
	return int(w.n)
}

// observe takes a Write that began as the n-th in flight, and its size and time.
func (w *window) observe(now, size, took, n float64, c *cost) {
	at := int(max(1, min(n, w.most)))
	w.levels[at].add(now, life(c), math.Log(took), size, math.Log(took/c.of(size)))
	if n < math.Floor(w.n) {
		return
	}
	w.fresh++
	if float64(w.fresh) >= max(4, w.n/2) && now >= w.next {
		w.decide(now, c)
	}
}

// forget drops what Writes took.
func (w *window) forget() { clear(w.levels) }

// life is how long, in seconds, a Write counts.
func life(c *cost) float64 { return max(5, 20*c.mean) }

// decide moves the window, when as many Writes have been in flight as it lets:
// by 15 %, and by one Write at least, or to twice as many while it rises. Where
// too little is known of fewer Writes in flight it finds out.
func (w *window) decide(now float64, c *cost) {
	top := math.Floor(w.n)
	if top == 1 { // there is nothing below to compare with
		w.grow(now, w.sum(now, 1, 1, c), 2, c)
		return
	}
	high := w.sum(now, max(w.low()+1, math.Ceil(top*0.9)), top, c)
	low := w.sum(now, max(1, math.Floor(top*0.4)), w.low(), c)
	switch {
	case high.weight < enough:
		return
	case low.weight < enough:
		w.lower(now, high.took, c)
		return
	}
	slope, off := high.slope(low)
	switch {
	case slope-certain*off > bend:
		w.rising = false
		w.move(now, min(top*0.85, top-1), c)
	case slope < bend && w.rising:
		w.move(now, w.n*2, c)
	case slope < bend:
		w.grow(now, high, max(top+1, w.n*1.15), c)
	case low.weight < ample:
		w.lower(now, high.took, c)
	}
}

// grow moves to n, if not for what was seen there in the last seconds.
func (w *window) grow(now float64, high sample, n float64, c *cost) {
	n = min(n, w.most)
	above := w.sum(now, math.Floor(w.n)+1, n, c)
	if above.weight >= enough && high.weight >= enough {
		if slope, off := above.slope(high); slope-certain*off > bend {
			n = w.n
		}
	}
	w.move(now, n, c)
}

func (w *window) move(now, n float64, c *cost) {
	w.n = max(1, min(n, w.most))
	w.fresh, w.next = 0, now+c.mean
}

// lower has some Writes begin with fewer in flight, for one and a half times as
// long as one takes.
func (w *window) lower(now, took float64, c *cost) {
	w.lowered = now + 1.5*took
	w.next = w.lowered + c.mean
}

// A level is what Writes took that began with so many in flight: sums that fade
// with more Writes and with time.
type level struct {
	weight, took, size float64 // took: of logarithms
	off, squares       float64 // of the logarithm of what was taken of what was expected
	at                 float64
}

// levelFade is for as many Writes as tell a slope of 1/2 from one of 1 through a
// jitter of one half.
const levelFade = 1 - 1.0/64

func (l *level) fade(by float64) {
	l.weight *= by
	l.took *= by
	l.size *= by
	l.off *= by
	l.squares *= by
}

func (l *level) age(now, life float64) {
	l.fade(math.Exp((l.at - now) / life))
	l.at = now
}

func (l *level) add(now, life, took, size, off float64) {
	l.age(now, life)
	l.fade(levelFade)
	l.weight++
	l.took += took
	l.size += size
	l.off += off
	l.squares += off * off
}

// A sample is several levels together.
type sample struct {
	weight   float64
	inFlight float64 // mean logarithm
	took     float64 // seconds, geometric mean
	relative float64 // its logarithm, without what the size has to do with it
	variance float64 // of the logarithm
}

func (w *window) sum(now, from, to float64, c *cost) (s sample) {
	var all level
	for i := int(from); i <= int(to); i++ {
		l := &w.levels[i]
		l.age(now, life(c))
		s.inFlight += l.weight * math.Log(float64(i))
		all.weight += l.weight
		all.took += l.took
		all.size += l.size
		all.off += l.off
		all.squares += l.squares
	}
	if s.weight = all.weight; s.weight < enough {
		return s
	}
	s.inFlight /= s.weight
	s.relative = all.took/s.weight - math.Log(c.shape(all.size/s.weight))
	s.took = math.Exp(all.took / s.weight)
	// Nothing is known to better than 5 %.
	mean := all.off / s.weight
	s.variance = max(0.05*0.05, all.squares/s.weight-mean*mean)
	return s
}

// slope is how time grows from low to s, and its standard error.
func (s sample) slope(low sample) (slope, off float64) {
	run := s.inFlight - low.inFlight
	return (s.relative - low.relative) / run, math.Sqrt(s.variance/s.weight+low.variance/low.weight) / run
}
