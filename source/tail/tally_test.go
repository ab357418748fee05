package tail

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/logferry/logferry/batch"
)

// numbered is how a line of a rotator looks: its number among all lines, and the
// file it was written to.
const numbered = "line %010d %06d .............................\n"

const numberedLen = len("line 0000000000 000000 .............................\n")

// parseNumbered takes a line of a rotator apart, its newline left out. Anything
// else, be it only a byte longer, is not one.
func parseNumbered(line string) (n, file int, ok bool) {
	if len(line) != numberedLen-1 {
		return 0, 0, false
	}
	n, err1 := strconv.Atoi(line[5:15])
	file, err2 := strconv.Atoi(line[16:22])
	if err1 != nil || err2 != nil || fmt.Sprintf(numbered, n, file) != line+"\n" {
		return 0, 0, false
	}
	return n, file, true
}

// A tally counts numbered lines.
type tally struct {
	// byPath wants all lines in the order they were written, not only those of
	// each file.
	byPath bool

	mu       sync.Mutex
	seen     []uint8
	have     int
	bad      []string
	last     map[int]int // the number of the last line of each file
	disorder []string
}

func (c *tally) line(_ batch.Labels, e *batch.Entry) {
	n, file, ok := parseNumbered(string(e.Line))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		c.bad = append(c.bad, string(e.Line))
		return
	}
	for n >= len(c.seen) {
		c.seen = append(c.seen, make([]uint8, 1+len(c.seen))...)
	}
	if c.seen[n]++; c.seen[n] == 1 {
		c.have++
	}
	if c.byPath {
		file = 0
	}
	if c.last == nil {
		c.last = map[int]int{}
	}
	if last, ok := c.last[file]; ok && last >= n && c.seen[n] == 1 {
		c.disorder = append(c.disorder, fmt.Sprintf("%d after %d", n, last))
	}
	c.last[file] = max(c.last[file], n)
}

// count is how many different lines have arrived.
func (c *tally) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.have
}

func (c *tally) has(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n < len(c.seen) && c.seen[n] > 0
}

// A verdict is what became of the lines that were written.
type verdict struct{ lines, lost, twice, broken, disorder int }

// check wants each of n lines once, whole and in order.
func (c *tally) check(t testing.TB, n int) verdict {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var lost, twice ranges
	for i := range max(n, len(c.seen)) {
		switch {
		case i < n && (i >= len(c.seen) || c.seen[i] == 0):
			lost.add(i)
		case i < len(c.seen) && c.seen[i] > 1:
			twice.add(i)
		}
	}
	v := verdict{n, lost.count(), twice.count(), len(c.bad), len(c.disorder)}
	if v.lost+v.twice+v.broken+v.disorder > 0 {
		t.Errorf("of %d lines %d lost: %.200s, %d twice: %.200s, %d broken: %.200q, %d out of order: %.100q",
			n, v.lost, fmt.Sprint(lost), v.twice, fmt.Sprint(twice), v.broken, c.bad, v.disorder, c.disorder)
	}
	return v
}

// ranges are numbers in ascending order, each range from its first to behind its
// last.
type ranges [][2]int

func (r *ranges) add(n int) {
	if k := len(*r); k > 0 && (*r)[k-1][1] == n {
		(*r)[k-1][1]++
		return
	}
	*r = append(*r, [2]int{n, n + 1})
}

func (r ranges) count() (n int) {
	for _, x := range r {
		n += x[1] - x[0]
	}
	return n
}
