package pipeline

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// String returns the ledger as two tables for people to read, one line for
// each source and one for each route, and the reasons for which entries of a
// source were dropped.
func (s Stats) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "source\tread\tadded\tdelivered\tdropped\tdead\tundelivered\tin flight\t")
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		x := s.Sources[name]
		row(w, name, x.Read, x.Added, x.Delivered, sum(x.Dropped), x.DeadLettered, x.Undelivered, x.InFlight)
	}
	fmt.Fprintln(w, "route\trouted\tretries\tdelivered\tdropped\tdead\tundelivered\tin flight\t")
	for _, name := range slices.Sorted(maps.Keys(s.Routes)) {
		x := s.Routes[name]
		row(w, name, x.Routed, x.Retries, x.Delivered, sum(x.Dropped), x.DeadLettered, x.Undelivered, x.InFlight)
	}
	w.Flush() // a Builder does not fail
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		dropped := s.Sources[name].Dropped
		for _, reason := range slices.Sorted(maps.Keys(dropped)) {
			fmt.Fprintf(&b, "%d of %s dropped: %s\n", dropped[reason], name, reason)
		}
	}
	return b.String()
}

func row(w io.Writer, name string, figures ...int64) {
	fmt.Fprintf(w, "%s\t", name)
	for _, n := range figures {
		fmt.Fprintf(w, "%d\t", n)
	}
	fmt.Fprintln(w)
}

func sum(dropped map[string]int64) (n int64) {
	for _, d := range dropped {
		n += d
	}
	return n
}
