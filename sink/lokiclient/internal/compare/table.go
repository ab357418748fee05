package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// rows are the lines of the table.
var rows = []struct {
	name string
	cell func(result) string
}{
	{"files renamed: lost", func(r result) string { return part(r.renamed.lost, r.written[0]) }},
	{"files renamed: twice", func(r result) string { return part(r.renamed.twice, r.written[0]) }},
	{"copytruncate: lost", func(r result) string { return part(r.copied.lost, r.written[1]) }},
	{"copytruncate: twice", func(r result) string { return part(r.copied.twice, r.written[1]) }},
	{"lines that arrive in pieces, both ways of rotation", func(r result) string {
		return fmt.Sprint(r.renamed.broken + r.copied.broken)
	}},
	{"CPU per line", func(r result) string {
		return fmt.Sprintf("%.2f µs", per(float64(r.cost.CPU.Nanoseconds()), r.lines)/1000)
	}},
	{"allocations per line", func(r result) string { return fmt.Sprintf("%.2f", per(float64(r.cost.Allocs), r.lines)) }},
	{"goroutines left after Close", func(r result) string { return fmt.Sprint(r.cost.Goroutines) }},
	{"time of Close", func(r result) string { return took(r.cost) }},
	{"time of Close, server down", func(r result) string { return took(r.down) }},
}

func part(n, of int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*per(float64(n), of))
}

func per(x float64, n int) float64 { return x / float64(max(n, 1)) }

func took(r report) string {
	if !r.Closed {
		return fmt.Sprintf("not within %v", r.Close.Round(time.Second))
	}
	return r.Close.Round(10 * time.Millisecond).String()
}

// table is the results in Markdown.
func table(all []result) string {
	var b strings.Builder
	b.WriteString("| |")
	for _, r := range all {
		b.WriteString(" " + r.subject + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(all)+1) + "\n")
	for _, row := range rows {
		b.WriteString("| " + row.name + " |")
		for _, r := range all {
			b.WriteString(" " + row.cell(r) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// conditions says how the figures came about.
func conditions(o options) string {
	lines := "generated lines"
	if t, err := readText(o.logs); err == nil && t.real {
		lines = "lines of real logs"
	}
	return fmt.Sprintf("%d files, %s, %d a second for %v, rotated every %v; the cost over %d lines that were there already; Close was given %v. "+
		"%s/%s, %d CPUs, %s.", o.files, lines, o.rate, o.during, o.rotate, o.backlog, within, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
