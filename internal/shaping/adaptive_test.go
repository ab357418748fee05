package shaping

import (
	"testing"
	"time"
)

// The adaptive shaper keeps well within reach of the oracle in one training regime of each kind. This is no measure of
// it, which RESULTS.md is, but finds what breaks: runs repeat, so that it fails always or never.
func TestAdaptiveOnASample(t *testing.T) {
	var all []Judgement
	for _, r := range Training(len(troubles)) {
		j := Judgement{Regime: r, Grid: make([][len(levels)]Result, len(Grid()))}
		j.measure(thin)
		j.Compare([]Contender{Ours(), Vector()})
		all = append(all, j)
	}
	ours, vector := Other("ours", 0), Other("Vector", 1)
	for level, l := range levels {
		got := ours.Against(all, level, (*Judgement).Oracle)
		theirs := vector.Against(all, level, (*Judgement).Oracle)
		t.Logf("%s: %v, like Vector %v", l.Name, got, theirs)
		if got.Median > 1.6 || got.P90 > 4 || got.Median >= theirs.Median && level != overload {
			t.Errorf("%s: %v, like Vector %v", l.Name, got, theirs)
		}
		if n := ours.Unfinished(all, level); n > 0 {
			t.Errorf("%s: %d regimes were left unfinished", l.Name, n)
		}
	}
}

// thin leaves of the grid what is best most of the time.
func thin(i int) bool {
	s := Grid()[i]
	return (s.Bytes == 512<<10 || s.Bytes == 2<<20) && s.Wait == 5*time.Millisecond && (s.InFlight == 4 || s.InFlight == 16)
}
