package shaping

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Spread is how a ratio is distributed over regimes.
type Spread struct{ Median, P90, Max float64 }

func spreadOf(ratios []float64) Spread {
	slices.Sort(ratios)
	at := func(share float64) float64 { return ratios[int(math.Ceil(share*float64(len(ratios))))-1] }
	return Spread{at(0.5), at(0.9), at(1)}
}

func (s Spread) String() string { return fmt.Sprintf("%.2f / %.2f / %.4g", s.Median, s.P90, s.Max) }

// A Column is a contender's results in the regimes of a report.
type Column struct {
	Name string
	Of   func(j *Judgement, level int) Result
}

// Static is the column of a setting of the grid.
func Static(name string, setting int) Column {
	return Column{name, func(j *Judgement, level int) Result { return j.Grid[setting][level] }}
}

// Other is the column of a contender of [Judgement.Compare].
func Other(name string, contender int) Column {
	return Column{name, func(j *Judgement, level int) Result { return j.Others[contender][level] }}
}

// Against is the spread of a column's regret at a level, against what base
// returns for each regime.
func (c Column) Against(all []Judgement, level int, base func(j *Judgement, level int) Result) Spread {
	ratios := make([]float64, len(all))
	for i := range all {
		ratios[i] = Regret(level, c.Of(&all[i], level), base(&all[i], level))
	}
	return spreadOf(ratios)
}

// Unfinished counts the regimes in which a column left more than one entry in
// a hundred undelivered at a level, while the oracle did not.
func (c Column) Unfinished(all []Judgement, level int) (n int) {
	for i := range all {
		if level != overload && !c.Of(&all[i], level).Finished() && all[i].Oracle(level).Finished() {
			n++
		}
	}
	return n
}

// Table writes what the columns come to in all those regimes, as Markdown: the
// median, the 90th percentile and the maximum of the regret against the oracle,
// and then against the first column.
func Table(all []Judgement, columns []Column) string {
	var b strings.Builder
	part := func(title string, columns []Column, base func(j *Judgement, level int) Result) {
		fmt.Fprintf(&b, "| %s |", title)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.Name)
		}
		fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---|", len(columns)))
		for level, l := range levels {
			measure := "p99"
			if level == overload {
				measure = "goodput"
			}
			fmt.Fprintf(&b, "| %s %s |", l.Name, measure)
			for _, c := range columns {
				fmt.Fprintf(&b, " %v", c.Against(all, level, base))
				if n := c.Unfinished(all, level); n > 0 {
					fmt.Fprintf(&b, " (%d unfinished)", n)
				}
				b.WriteString(" |")
			}
			b.WriteString("\n")
		}
	}
	part("against the oracle", columns, (*Judgement).Oracle)
	b.WriteString("\n")
	part("against "+columns[0].Name, columns[1:], columns[0].Of)
	return b.String()
}
