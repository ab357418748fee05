//go:build linux

package nxtail_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// An author writes numbered lines to a log that is rotated under it.
type author struct {
	t    *testing.T
	path string
	f    *os.File
	n    int // lines written
}

// A rotation is one way to rotate a log.
type rotation struct {
	name string
	// linger is how long the old file is written to after its rename.
	linger time.Duration
	copied bool // copied and truncated, not renamed
	// found, if there is one, waits until the log that is to be renamed has been found.
	found func()
}

var rotations = []rotation{
	{name: "rename"},
	{name: "rename with a writer that lingers", linger: 100 * time.Millisecond},
	{name: "copytruncate", copied: true},
}

// life is how long each file of a work is written to before it is rotated.
const life = 700 * time.Millisecond

// work writes at about 5,000 lines per second, rotates so many times, and returns
// how many lines it wrote. The last of them lies in a file that stays.
func (r rotation) work(t *testing.T, path string, times int) int {
	a := &author{t: t, path: path}
	a.open()
	for i := range times {
		a.write(life)
		if r.copied {
			a.truncate(i)
			continue
		}
		if r.found != nil {
			r.found()
		}
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err != nil {
			t.Fatal(err)
		}
		if r.linger > 0 {
			a.write(r.linger)
		}
		a.f.Close()
		a.open()
	}
	a.write(life)
	a.f.Close()
	return a.n
}

func (a *author) open() {
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		a.t.Fatal(err)
	}
	a.f = f
}

// write writes for so long: the pace is what is tried. What it writes last nobody has
// had time to read.
func (a *author) write(d time.Duration) {
	for end := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		for range 5 {
			if _, err := fmt.Fprintf(a.f, "line %09d %s\n", a.n, strings.Repeat(".", 80)); err != nil {
				a.t.Fatal(err)
			}
			a.n++
		}
		if !time.Now().Before(end) {
			return
		}
	}
}

// truncate loses nothing by itself: nothing is written between copy and truncation.
func (a *author) truncate(i int) {
	in, err := os.Open(a.path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(fmt.Sprintf("%s.%d", a.path, i))
	if err != nil {
		a.t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		a.t.Fatal(err)
	}
	if err := a.f.Truncate(0); err != nil {
		a.t.Fatal(err)
	}
}

// A tally is what became of the lines of an author.
type tally struct{ written, lost, twice, broken int }

func (c tally) String() string {
	return fmt.Sprintf("of %d lines %d lost (%.1f %%), %d twice, %d broken",
		c.written, c.lost, 100*float64(c.lost)/float64(c.written), c.twice, c.broken)
}

func count(written int, lines []string) tally {
	c := tally{written: written}
	seen := map[int]bool{}
	for _, l := range lines {
		n, ok := number(l)
		switch {
		case !ok || n >= written:
			c.broken++
		case seen[n]:
			c.twice++
		default:
			seen[n] = true
		}
	}
	c.lost = written - len(seen)
	return c
}

// number is that of a whole line.
func number(line string) (n int, ok bool) {
	if _, err := fmt.Sscanf(line, "line %09d", &n); err != nil {
		return 0, false
	}
	return n, line == fmt.Sprintf("line %09d %s", n, strings.Repeat(".", 80))
}
