package shaping

import (
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals say how entries come: in bursts of a Poisson process, whose rate may
// swing between two values.
type Arrivals struct {
	EntryBytes int
	Burst      float64       // entries of a burst on average, at least 1
	Swing      float64       // the rate goes from 1-Swing to 1+Swing times its mean; zero: it stays
	Period     time.Duration // of the swing
}

// mostBursts a second are simulated: where more would come they are larger.
const mostBursts = 500

// A trace is what arrives in a run. Bytes are numbered from the first one on.
type trace struct {
	at  []time.Duration // of each burst
	end []int64         // the number of the byte after its last
}

// draw makes a trace with rate bytes a second.
func (a *Arrivals) draw(rng *rand.Rand, rate float64, until time.Duration) trace {
	entry := float64(a.EntryBytes)
	bursts := min(mostBursts, rate/entry/a.Burst)
	entries := rate / entry / bursts
	var t trace
	var bytes int64
	for now := 0.0; ; {
		now += rng.ExpFloat64() / bursts / (1 + a.Swing)
		at := time.Duration(now * 1e9)
		if at >= until {
			return t
		}
		if a.Swing > 0 && rng.Float64()*(1+a.Swing) > a.pace(now) {
			continue
		}
		n := 1.0
		if entries > 1 {
			n = math.Floor(1 + rng.ExpFloat64()*(entries-1) + rng.Float64())
		}
		bytes += int64(n) * int64(a.EntryBytes)
		t.at = append(t.at, at)
		t.end = append(t.end, bytes)
	}
}

// pace is the rate at a time, relative to its mean.
func (a *Arrivals) pace(now float64) float64 {
	return 1 + a.Swing*math.Copysign(1, math.Sin(2*math.Pi*now/a.Period.Seconds()))
}

func (t *trace) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return t.end[i-1]
}

// split calls each for the bytes from one number to another, burst by burst: with
// when one came, and how many of the bytes are of it. burst is the one that from is
// in, and what it returns the one that to is in.
func (t *trace) split(burst int, from, to int64, each func(arrived time.Duration, n int64)) int {
	for from < to {
		end := min(to, t.end[burst])
		each(t.at[burst], end-from)
		if end == t.end[burst] {
			burst++
		}
		from = end
	}
	return burst
}
