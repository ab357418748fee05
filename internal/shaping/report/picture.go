package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/shaping"
)

// A picture shows, for one regime after the other, the sizes of Writes, how many
// may be in flight and are, and latencies, over time.
type picture struct {
	svg strings.Builder
	row int
}

const (
	panelWidth  = 300
	panelHeight = 90
	gap         = 26
	left        = 40
	steps       = 100 // of time, in a panel
)

// A line is the largest value in each step of time, zero: none.
type line struct {
	colour string
	values [steps]float64
}

func (l *line) note(step int, v float64) { l.values[step] = max(l.values[step], v) }

// draw adds a row for a regime at a level.
func (p *picture) draw(j *shaping.Judgement, level int, c shaping.Contender) {
	const all = shaping.WarmUp + shaping.Measured + shaping.Tail
	size, bound := line{colour: "#1f77b4"}, line{colour: "#bbbbbb"}
	window, inFlight := line{colour: "#bbbbbb"}, line{colour: "#2ca02c"}
	latency, refused := line{colour: "#d62728"}, line{colour: "#ff9d00"}
	result := j.Watch(level, c, func(s shaping.Sample) {
		step := min(steps-1, int(s.At*steps/all))
		bound.note(step, float64(s.Limits.MaxBytes))
		window.note(step, float64(s.Limits.InFlight))
		inFlight.note(step, float64(s.InFlight))
		size.note(step, float64(s.Bytes))
		if s.Class == batch.Delivered {
			latency.note(step, float64(s.Latency))
		} else {
			refused.note(step, float64(s.Latency))
		}
	})
	title := fmt.Sprintf("%s, %.1f MB/s at %s: p99 %v, of the best static setting for it %v", j.Regime.Kind, j.Capacity/1e6,
		shaping.Levels()[level].Name, result.P99.Round(100*time.Microsecond), j.Oracle(level).P99.Round(100*time.Microsecond))
	y := p.row*(panelHeight+2*gap) + gap
	fmt.Fprintf(&p.svg, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", left, y-4, title)
	bytes := func(v float64) string { return fmt.Sprintf("%.0f KiB", v/1024) }
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	took := func(v float64) string { return time.Duration(v).Round(100 * time.Microsecond).String() }
	p.panel(0, y, "bytes of a Write, grey: MaxBytes", 1<<10, 4<<20, bytes, bound, size)
	p.panel(1, y, "in flight, grey: the limit", 1, 64, count, window, inFlight)
	p.panel(2, y, "latency, orange: not delivered", 1e6, 20e9, took, refused, latency)
	p.row++
}

// panel draws lines over time, on a logarithmic scale.
func (p *picture) panel(column, y int, name string, low, high float64, format func(float64) string, lines ...line) {
	x := left + column*(panelWidth+2*left)
	fmt.Fprintf(&p.svg, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888888\"/>\n", x, y, panelWidth, panelHeight)
	fmt.Fprintf(&p.svg, "<text x=\"%d\" y=\"%d\">%s: %s to %s</text>\n", x, y+panelHeight+12, name, format(low), format(high))
	for _, l := range lines {
		var path strings.Builder
		pen := "M"
		for i, v := range l.values {
			if v == 0 {
				continue
			}
			share := math.Log(max(low, min(v, high))/low) / math.Log(high/low)
			fmt.Fprintf(&path, "%s%d %.0f", pen, x+i*panelWidth/steps, float64(y+panelHeight)-share*panelHeight)
			pen = "L"
		}
		fmt.Fprintf(&p.svg, "<path d=\"%s\" fill=\"none\" stroke=\"%s\"/>\n", path.String(), l.colour)
	}
}

func (p *picture) save(path string) error {
	width, height := left+3*(panelWidth+2*left), p.row*(panelHeight+2*gap)
	head := fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", width, height)
	return os.WriteFile(path, []byte(head+p.svg.String()+"</svg>\n"), 0o644)
}
