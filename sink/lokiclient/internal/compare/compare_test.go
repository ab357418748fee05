package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a run that shows that the program works. Its figures are good for nothing else.
func small() options {
	return options{
		logs: "../../../../../shared/logs/*.log", files: 2, rate: 2000, during: 600 * time.Millisecond, rotate: 200 * time.Millisecond,
		backlog: 2000, quiet: 8 * time.Second, patience: time.Second,
	}
}

// TestLogferry: what the table says of this library cannot be otherwise, on any machine.
func TestLogferry(t *testing.T) {
	o := small()
	o.quiet, o.patience = time.Minute, time.Minute
	r, err := measure("source/tail + sink/loki", o)
	if err != nil {
		t.Fatal(err)
	}
	if r.renamed.lost+r.copied.lost+r.renamed.broken+r.copied.broken > 0 {
		t.Errorf("lost while renaming: %+v, while copying: %+v", r.renamed, r.copied)
	}
	if r.written[0] == 0 || r.written[1] == 0 { // 1,200 where nothing is in the way
		t.Errorf("%v lines were written", r.written)
	}
	if r.cost.Goroutines != 0 || !r.cost.Closed || !r.down.Closed {
		t.Errorf("Close: %+v; with the server down: %+v", r.cost, r.down)
	}
	if r.cost.CPU <= 0 || r.cost.Allocs == 0 {
		t.Errorf("nothing was measured: %+v", r.cost)
	}
}

// TestArchived: what the table says of the others is measured with lines that came.
func TestArchived(t *testing.T) {
	r, err := measure("nxadm/tail + loki-client-go", small())
	if err != nil {
		t.Fatal(err)
	}
	if r.renamed.lost == r.written[0] || r.copied.lost == r.written[1] {
		t.Errorf("nothing came: %+v, %+v", r.renamed, r.copied)
	}
	if r.down.Closed {
		t.Errorf("loki-client-go no longer waits for a server that is down: %+v", r.down)
	}
	if r.cost.Goroutines < 4 {
		t.Errorf("%d goroutines are left; there were those of a connection and of inotify", r.cost.Goroutines)
	}
}

// TestServerCounts: a line that is lost, one that comes twice and a piece of one are told apart.
func TestServerCounts(t *testing.T) {
	s := &server{seen: map[int]int{0: 1, 1: 2, 3: 1}, broken: 1}
	if got, want := s.settle(4, 0), (count{lost: 1, twice: 1, broken: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestMigratingShowsTheTable: the table in MIGRATING.md has the header and the rows that the program prints.
func TestMigratingShowsTheTable(t *testing.T) {
	doc, err := os.ReadFile("../../../loki/MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "go -C sink/lokiclient run ./internal/compare\n")
	if !ok {
		t.Fatal("MIGRATING.md does not say how to make the table")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []result
	for _, s := range subjects {
		all = append(all, result{subject: s.name})
	}
	want := strings.Split(strings.TrimSpace(table(all)), "\n")
	var got []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("the table in MIGRATING.md is\n%s\nand ought to be like\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	name := func(row string) string { return strings.Split(row, "|")[1] }
	if !slices.EqualFunc(got, want, func(a, b string) bool { return name(a) == name(b) }) {
		t.Errorf("the rows differ:\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
