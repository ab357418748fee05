// Report judges shapers in simulated regimes and prints what came of it:
//
//	go run ./internal/shaping/report -regimes reporting -n 200
package main

import (
	"encoding/gob"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/logferry/logferry/internal/shaping"
)

func main() {
	var (
		which = flag.String("regimes", "training", "training or reporting")
		n     = flag.Int("n", 66, "how many of them")
		keep  = flag.String("keep", "", "a `folder` for what the static settings reach, which is then measured once only")
		each  = flag.Bool("each", false, "print each regime as well")
		svg   = flag.String("svg", "", "a `file` for a picture of the first regime of each kind, at 60 %")
	)
	flag.Parse()
	if err := run(*which, *n, *keep, *each, *svg); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// trained is how many training regimes the single static setting is chosen on.
const trained = 66

func run(which string, n int, keep string, each bool, svg string) error {
	training, err := measured(keep, "training", shaping.Training(trained))
	if err != nil {
		return err
	}
	all := training
	switch which {
	case "training":
		all = all[:min(n, len(all))]
	case "reporting":
		if all, err = measured(keep, "reporting", shaping.Reporting(n)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("-regimes %q: want training or reporting", which)
	}
	contenders := []shaping.Contender{shaping.Ours(), shaping.Vector()}
	for i := range all {
		all[i].Compare(contenders)
	}
	grid := shaping.Grid()
	best := shaping.Best(training)
	columns := []shaping.Column{shaping.Static("best static ("+grid[best].String()+")", best)}
	for i, c := range contenders {
		columns = append(columns, shaping.Other(c.Name, i))
	}
	columns = append(columns,
		shaping.Static("like promtail ("+shaping.Promtail.String()+")", slices.Index(grid, shaping.Promtail)),
		shaping.Static("default ("+shaping.Default.String()+")", slices.Index(grid, shaping.Default)))
	if each {
		printEach(all, columns)
	}
	fmt.Printf("%d %s regimes, median / 90th percentile / maximum\n\n%s", len(all), which, shaping.Table(all, columns))
	if svg == "" {
		return nil
	}
	return draw(all, svg)
}

// most regimes of a picture.
const most = 12

// draw makes a picture of the first regime of each kind.
func draw(all []shaping.Judgement, path string) error {
	var p picture
	drawn := map[string]bool{}
	for i := range all {
		if kind := all[i].Regime.Kind; !drawn[kind] && len(drawn) < most {
			drawn[kind] = true
			p.draw(&all[i], 2, shaping.Ours())
		}
	}
	return p.save(path)
}

// printEach prints the oracle of each regime, and the regret of each column.
func printEach(all []shaping.Judgement, columns []shaping.Column) {
	for i := range all {
		j := &all[i]
		fmt.Printf("%3d %s: %.1f MB/s, %+v, %+v\n", i, j.Regime.Kind, j.Capacity/1e6, j.Regime.Destination, j.Regime.Arrivals)
		for level, l := range shaping.Levels() {
			best := j.Oracle(level)
			fmt.Printf("    %-6s %10v", l.Name, best.P99)
			for _, c := range columns {
				fmt.Printf(" %8.2f", shaping.Regret(level, c.Of(j, level), best))
			}
			fmt.Println()
		}
	}
}

// measured returns the judgements of regimes, from a file of the folder if it
// has those of as many.
func measured(folder, name string, regimes []shaping.Regime) ([]shaping.Judgement, error) {
	if folder == "" {
		return measure(regimes), nil
	}
	path := fmt.Sprintf("%s/%s-%d.gob", folder, name, len(regimes))
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var all []shaping.Judgement
		err = gob.NewDecoder(f).Decode(&all)
		return all, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := measure(regimes)
	if f, err = os.Create(path); err != nil {
		return nil, err
	}
	return all, errors.Join(gob.NewEncoder(f).Encode(all), f.Close())
}

func measure(regimes []shaping.Regime) []shaping.Judgement {
	all := make([]shaping.Judgement, len(regimes))
	for i, r := range regimes {
		all[i] = shaping.Measure(r)
	}
	return all
}
