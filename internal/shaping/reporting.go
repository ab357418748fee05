package shaping

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// places are destinations as they are found, around which Reporting draws.
var places = []struct {
	name string
	Destination
}{
	{"loki", Destination{RTT: time.Millisecond, Fixed: 2 * time.Millisecond, PerByte: 25, Slots: 4, Ratio: 0.25}},
	{"cluster", Destination{RTT: 3 * time.Millisecond, Fixed: 5 * time.Millisecond, PerByte: 30, Slots: 24, Ratio: 0.2}},
	{"cloud", Destination{RTT: 40 * time.Millisecond, Fixed: 8 * time.Millisecond, PerByte: 40, Slots: 32, Ratio: 0.15}},
	{"far", Destination{RTT: 180 * time.Millisecond, Fixed: 4 * time.Millisecond, PerByte: 40, Slots: 16, Ratio: 0.2, Bandwidth: 4e6}},
	{"small", Destination{RTT: 2 * time.Millisecond, Fixed: 10 * time.Millisecond, PerByte: 200, Slots: 2, Ratio: 0.5}},
	{"disk", Destination{RTT: 0, Fixed: 60 * time.Microsecond, PerByte: 5, Slots: 1, Ratio: 1}},
	{"nfs", Destination{RTT: 500 * time.Microsecond, Fixed: time.Millisecond, PerByte: 12, Slots: 8, Ratio: 1}},
}

// Reporting draws n regimes for results to be told of: places as they are found,
// each a little different, with any number of troubles at once. No shaper may
// have been tuned on them.
func Reporting(n int) []Regime {
	r := rand.New(rand.NewPCG(20260301, 77))
	all := make([]Regime, n)
	for i := range all {
		place := places[r.IntN(len(places))]
		d := place.Destination
		vary(r, &d)
		d.within(250e6)
		kind := []string{place.name}
		trouble := func(odds float64, name string, add func()) {
			if r.Float64() < odds {
				add()
				kind = append(kind, name)
			}
		}
		trouble(0.25, "collapse", func() { d.Collapse = math.Abs(0.4 * r.NormFloat64()) })
		trouble(0.2, "spikes", func() { d.Spikes = 0.002 + 0.015*r.Float64() })
		trouble(0.2, "uneven", func() { d.Uneven = 0.5 * r.Float64() })
		trouble(0.15, "flaky", func() { d.Flaky = 0.01 * r.Float64() })
		trouble(0.15, "413", func() { d.MaxWire = []int{64 << 10, 100_000, 256 << 10, 500_000, 1 << 20}[r.IntN(5)] })
		trouble(0.15, "moves", func() { d.Moves = moves(r, d.Slots) })
		trouble(0.2, "429", func() {
			d.Rate = d.bound() * (0.1 + 0.7*r.Float64())
			d.Burst = max(96<<10, d.Rate*(0.2+2*r.Float64()))
			d.Told = []time.Duration{0, 0, time.Second, 2 * time.Second}[r.IntN(4)]
		})
		trouble(0.2, "outage", func() { d.Outages = outages(r) })
		a := Arrivals{EntryBytes: 80 + int(400*r.ExpFloat64()), Burst: 1 + 10*r.ExpFloat64()}
		trouble(0.3, "swing", func() {
			a.Swing, a.Period = 0.2+0.6*r.Float64(), time.Duration((0.1+3*r.ExpFloat64())*1e9)
		})
		all[i] = Regime{Kind: strings.Join(kind, " "), Seed: 1<<32 + uint64(i), Destination: d, Arrivals: a}
	}
	return all
}

// vary makes each quality larger or smaller, mostly by less than half.
func vary(r *rand.Rand, d *Destination) {
	factor := func() float64 { return math.Exp(max(-1.5, min(1.5, 0.5*r.NormFloat64()))) }
	d.RTT = time.Duration(float64(d.RTT) * factor())
	d.Fixed = time.Duration(float64(d.Fixed) * factor())
	d.PerByte *= factor()
	d.Bandwidth *= factor()
	d.Slots = max(1, int(math.Round(float64(d.Slots)*factor())))
	d.Ratio = min(1, d.Ratio*factor())
	d.Jitter = min(0.6, 0.15*r.ExpFloat64())
}

// moves are up to three, at any time that is measured.
func moves(r *rand.Rand, slots int) []Move {
	var all []Move
	at := WarmUp
	for range 1 + r.IntN(3) {
		at += time.Duration(1e9 + 5e9*r.Float64())
		all = append(all, Move{at, max(1, int(float64(slots)*(0.3+2*r.Float64()))), 0.6 + 1.2*r.Float64()})
	}
	return all
}

// outages are one or two.
func outages(r *rand.Rand) []Outage {
	var all []Outage
	at := WarmUp
	for range 1 + r.IntN(2) {
		at += time.Duration(5e8 + 4e9*r.Float64())
		to := at + time.Duration(2e8+4e9*r.Float64())
		all = append(all, Outage{From: at, To: to, Hangs: r.IntN(2) == 0})
		at = to
	}
	return all
}
