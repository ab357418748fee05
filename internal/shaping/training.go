package shaping

import (
	"math"
	"math/rand/v2"
	"time"
)

// Training draws n regimes to tune a shaper on: each quality of a destination
// by itself, evenly on a logarithmic scale, and one trouble or none.
func Training(n int) []Regime {
	all := make([]Regime, n)
	for i := range all {
		all[i] = train(uint64(i))
	}
	return all
}

// troubles are what the regimes of Training go through, in turn.
var troubles = []struct {
	kind string
	add  func(*rand.Rand, *Destination)
}{
	{"steady", func(*rand.Rand, *Destination) {}},
	{"collapse", func(r *rand.Rand, d *Destination) { d.Collapse = logarithmic(r, 0.05, 1) }},
	{"jitter", func(r *rand.Rand, d *Destination) {
		d.Jitter, d.Spikes = 0.2+0.5*r.Float64(), 0.01*r.Float64()
	}},
	{"path", func(r *rand.Rand, d *Destination) { d.Bandwidth = d.Ratio * d.bound() * logarithmic(r, 0.1, 0.7) }},
	{"429", func(r *rand.Rand, d *Destination) {
		d.Rate = d.bound() * logarithmic(r, 0.1, 0.8)
		d.Burst = max(80<<10, d.Rate*logarithmic(r, 0.1, 4))
		if r.IntN(2) == 0 {
			d.Told = time.Second
		}
	}},
	{"413", func(r *rand.Rand, d *Destination) { d.MaxWire = int(logarithmic(r, 48<<10, 1<<20)) }},
	{"refused", func(r *rand.Rand, d *Destination) { d.Outages = outage(r, false) }},
	{"hangs", func(r *rand.Rand, d *Destination) { d.Outages = outage(r, true) }},
	{"moves", func(r *rand.Rand, d *Destination) {
		at := WarmUp + time.Duration((0.2+0.4*r.Float64())*float64(Measured))
		d.Moves = []Move{{at, max(1, int(float64(d.Slots)*logarithmic(r, 0.25, 4))), logarithmic(r, 0.5, 2)}}
	}},
	{"uneven", func(r *rand.Rand, d *Destination) { d.Uneven = 0.2 + 0.6*r.Float64() }},
	{"flaky", func(r *rand.Rand, d *Destination) { d.Flaky = logarithmic(r, 0.001, 0.02) }},
}

func train(seed uint64) Regime {
	r := rand.New(rand.NewPCG(1, seed))
	trouble := troubles[seed%uint64(len(troubles))]
	d := Destination{
		RTT:     time.Duration(logarithmic(r, 0.2e6, 200e6)),
		Fixed:   time.Duration(logarithmic(r, 0.1e6, 20e6)),
		PerByte: logarithmic(r, 4, 200),
		Slots:   int(logarithmic(r, 1, 33)),
		Jitter:  0.3 * r.Float64(),
		Ratio:   logarithmic(r, 0.08, 1),
	}
	if r.IntN(6) == 0 { // a file
		d.RTT, d.Fixed, d.Slots = 0, time.Duration(logarithmic(r, 10e3, 300e3)), 1
	}
	d.within(mostTrained)
	trouble.add(r, &d)
	a := Arrivals{EntryBytes: int(logarithmic(r, 100, 2000)), Burst: logarithmic(r, 1, 30)}
	if r.IntN(4) == 0 {
		a.Swing, a.Period = 0.3+0.6*r.Float64(), time.Duration(logarithmic(r, 0.2e9, 5e9))
	}
	return Regime{Kind: trouble.kind, Seed: seed, Destination: d, Arrivals: a}
}

// mostTrained bytes a second pass for what a process logs.
const mostTrained = 150e6

func outage(r *rand.Rand, hangs bool) []Outage {
	from := WarmUp + time.Duration((1+4*r.Float64())*1e9)
	return []Outage{{From: from, To: from + time.Duration(logarithmic(r, 0.5e9, 8e9)), Hangs: hangs}}
}

// logarithmic draws between two values, evenly on a logarithmic scale.
func logarithmic(r *rand.Rand, from, to float64) float64 {
	return from * math.Exp(r.Float64()*math.Log(to/from))
}
