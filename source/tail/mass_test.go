package tail

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// massed is how many files something happens to at once.
const massed = 400

func massedPath(dir string, i int) string { return fmt.Sprintf("%s/svc-%05d.log", dir, i) }

// lastOf is the last line of the ith file, in a time of their own.
func lastOf(time string, i int) string { return fmt.Sprintf("%s line of file %08d", time, i) }

// TestTruncatedTogether: many files of one folder are truncated and written again.
func TestTruncatedTogether(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range massed {
		want = append(want, lastOf("first", i))
		write(t, massedPath(dir, i), lastOf("first", i)+"\n")
	}
	r := start(t, quick(Config{Paths: []string{dir + "/*.log"}}), newSinkhole(), nil)
	wait(t, "all first lines", func() bool { return r.idle(massed) })
	for i := range massed {
		want = append(want, lastOf("2nd", i))
		if err := os.Truncate(massedPath(dir, i), 0); err != nil {
			t.Fatal(err)
		}
		write(t, massedPath(dir, i), lastOf("2nd", i)+"\n")
	}
	r.eventually(want)
}

// TestOneHeader: many files begin with the same lines, more than a print takes, and
// are neither copies of each other nor taken for such.
func TestOneHeader(t *testing.T) {
	const lines = 20
	header := strings.Repeat("#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query\n", lines)
	if len(header) <= printMax {
		t.Fatal("the header is too short")
	}
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprintf("there before %v", before), func(t *testing.T) {
			dir := t.TempDir()
			cfg := quick(Config{Paths: []string{dir + "/*.log"}})
			var r *run
			if !before {
				write(t, dir+"/a.log", "a\n")
				r = start(t, cfg, newSinkhole(), nil)
				r.await("a")
			}
			var want []string
			for i := range massed {
				write(t, massedPath(dir, i), header+lastOf("only", i)+"\n")
				want = append(want, strings.Split(header+lastOf("only", i), "\n")...)
			}
			if before {
				r = start(t, cfg, newSinkhole(), nil)
			} else {
				want = append(want, "a")
			}
			r.eventually(want)
		})
	}
}

// eventually wants those lines in any order, and nothing to be left to read.
func (r *run) eventually(want []string) {
	r.t.Helper()
	wait(r.t, "all lines", func() bool { return r.sink.count() >= len(want) })
	wait(r.t, "the end", func() bool { return r.idle(len(r.src.Stats())) })
	got := r.sink.got()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		n := len(got)
		r.t.Errorf("%d lines, %d different ones, want %d; log:\n%.2000s", n, len(slices.Compact(got)), len(want), r.log)
	}
}
