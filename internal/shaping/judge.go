package shaping

import "math"

// A Judgement is what came of a regime: the results of everybody at each level.
type Judgement struct {
	Regime   Regime
	Capacity float64               // the best goodput of a static setting under overload
	Grid     [][len(levels)]Result // by setting of Grid
	Others   [][len(levels)]Result // by contender
}

// Measure runs all settings of the grid in a regime. The loads are shares of the
// best goodput that one of them has reached under overload, and the overload is
// twice what the destination could take at most.
func Measure(r Regime) Judgement {
	j := Judgement{Regime: r, Grid: make([][len(levels)]Result, len(Grid()))}
	j.measure(func(int) bool { return true })
	return j
}

// measure runs those settings of the grid that are wanted, and leaves the others
// without a result.
func (j *Judgement) measure(wanted func(setting int) bool) {
	j.run(overload, wanted)
	for _, g := range j.Grid {
		j.Capacity = max(j.Capacity, g[overload].Goodput)
	}
	for level := range overload {
		j.run(level, wanted)
	}
}

func (j *Judgement) run(level int, wanted func(setting int) bool) {
	t := j.Regime.trace(level, j.rate(level))
	for i, s := range Grid() {
		if wanted(i) {
			j.Grid[i][level] = j.Regime.simulate(level, &t, s.Contender(), nil)
		}
	}
}

// Compare runs contenders in the regime of a judgement, on what arrived for the
// grid.
func (j *Judgement) Compare(contenders []Contender) {
	j.Others = make([][len(levels)]Result, len(contenders))
	for level := range levels {
		t := j.Regime.trace(level, j.rate(level))
		for i, c := range contenders {
			j.Others[i][level] = j.Regime.simulate(level, &t, c, nil)
		}
	}
}

// Watch runs a contender at one level as Compare does.
func (j *Judgement) Watch(level int, c Contender, watch func(Sample)) Result {
	t := j.Regime.trace(level, j.rate(level))
	return j.Regime.simulate(level, &t, c, watch)
}

func (j *Judgement) rate(level int) float64 {
	if level == overload {
		return j.Regime.Destination.bound() * levels[level].Load
	}
	return j.Capacity * levels[level].Load
}

// Oracle is the best result of the grid at a level.
func (j *Judgement) Oracle(level int) (best Result) {
	for _, g := range j.Grid {
		if r := g[level]; r != (Result{}) && (best == Result{} || Regret(level, r, best) < 1) {
			best = r
		}
	}
	return best
}

// Regret is how many times worse a is than b at a level: in goodput under
// overload, and in the 99th percentile elsewhere. Who delivers nothing is
// infinitely worse.
func Regret(level int, a, b Result) float64 {
	switch {
	case level != overload:
		return float64(a.P99) / float64(b.P99)
	case a.Goodput == 0:
		return math.Inf(1)
	}
	return b.Goodput / a.Goodput
}

// Best is the setting of the grid that is best if one is to be kept in all those
// regimes and at all levels: the one with the lowest mean of the logarithm of
// the regret against the oracle. A regret counts 100 at most.
func Best(all []Judgement) (setting int) {
	least := math.Inf(1)
	for i := range Grid() {
		sum := 0.0
		for k := range all {
			for level := range levels {
				sum += math.Log(min(100, Regret(level, all[k].Grid[i][level], all[k].Oracle(level))))
			}
		}
		if sum < least {
			least, setting = sum, i
		}
	}
	return setting
}
