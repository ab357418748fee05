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
// each source and one for each route.
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
