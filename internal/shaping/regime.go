package shaping

import (
	"math/rand/v2"
	"time"
)

// A Regime is a destination and what arrives for it. Seed decides everything
// that is random in its runs.
type Regime struct {
	Kind        string // what is particular about it, for tables
	Seed        uint64
	Destination Destination
	Arrivals    Arrivals
}

// The times of a run. Shapers that ramp up slowly do so while nothing counts: a
// service runs for days.
const (
	WarmUp   = 15 * time.Second
	Measured = 20 * time.Second
	Tail     = 5 * time.Second
)

// A Level is a load: as a share of what the best static setting gets through, or, of
// the overload, of more than the destination takes of any.
type Level struct {
	Name string
	Load float64
}

var levels = [...]Level{{"2 %", 0.02}, {"30 %", 0.3}, {"60 %", 0.6}, {"85 %", 0.85}, {"200 %", 2}}

// Levels returns the loads each regime is run at. The last is an overload, at
// which goodput counts, and at the others the 99th percentile.
func Levels() []Level { return levels[:] }

const overload = len(levels) - 1

func (r *Regime) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, stream)) }

// trace draws what arrives at that many bytes a second, the same for whoever is
// compared.
func (r *Regime) trace(level int, rate float64) trace {
	return r.Arrivals.draw(r.rng(uint64(level)), rate, WarmUp+Measured+Tail)
}
