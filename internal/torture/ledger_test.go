package torture

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logferry/logferry/source"
)

// A ledger knows what was delivered, and what may be delivered again.
type ledger struct {
	t *testing.T
	a *author
	// inOrder: all generations are read as those of one path, and so in their order.
	inOrder bool

	times []int  // how often each line was delivered
	last  []int  // by which child, from 1
	again []bool // it lay beyond a cursor when the last child was killed
	saved map[*generation]int

	child  int
	bad    []string
	wrong  map[int]string // what is wrong with the delivery of a line
	twice  int            // deliveries but for the first of each line
	beyond int            // lines that lay beyond a cursor, summed over all kills
	blind  int            // those of them in files of which no cursor was ever seen
	most   int            // beyond at one kill
}

func (l *ledger) grow() {
	for len(l.times) < l.a.n {
		l.times, l.last, l.again = append(l.times, 0), append(l.last, 0), append(l.again, false)
	}
}

// take notes what c has delivered since.
func (l *ledger) take(c *child) {
	l.grow()
	c.lines(func(line []byte) {
		n, ok := parseLine(line)
		if !ok || n >= l.a.n {
			l.bad = append(l.bad, string(line))
			return
		}
		switch {
		case l.last[n] == l.child:
			l.wrong[n] = fmt.Sprintf("twice by child %d", l.child)
		case l.times[n] > 0 && !l.again[n]:
			l.wrong[n] = fmt.Sprintf("by child %d, after its cursor had been saved", l.child)
		}
		if l.times[n]++; l.times[n] > 1 {
			l.twice++
		}
		l.last[n] = l.child
	})
}

// all reports whether all lines of g were delivered.
func (l *ledger) all(g *generation) bool {
	l.grow()
	for _, n := range g.lines {
		if l.times[n] == 0 {
			return false
		}
	}
	return true
}

func (l *ledger) lost() (lost []int) {
	l.grow()
	for n, times := range l.times {
		if times == 0 {
			lost = append(lost, n)
		}
	}
	return lost
}

// measure reads the cursors after a kill, and notes which lines that were delivered lie beyond them. A cursor that is
// gone was that of a file that was delivered and forgotten.
func (l *ledger) measure(state string) (beyond int) {
	l.t.Helper()
	l.grow()
	if l.saved == nil {
		l.saved = map[*generation]int{}
	}
	present := map[*generation]bool{}
	for name, cursor := range readCursors(l.t, state) {
		if g, lines, ok := l.place(name, cursor); ok {
			l.saved[g] = max(l.saved[g], lines)
			present[g] = true
		}
	}
	if l.inOrder {
		l.infer(present)
	}
	clear(l.again)
	for _, g := range l.a.past {
		saved, known := l.saved[g]
		for i, n := range g.lines {
			switch {
			case i < saved && l.times[n] == 0:
				l.wrong[n] = "its cursor was saved, and it was not delivered"
			case i >= saved && l.times[n] > 0:
				l.again[n] = true
				beyond++
				if !known {
					l.blind++
				}
			}
		}
	}
	l.beyond += beyond
	l.most = max(l.most, beyond)
	return beyond
}

// infer notes what the order of lines tells of files whose cursors are gone: when one of a later file was saved, what was
// written before the next file began had been delivered, and was saved with it. Files whose cursors are present tell for
// themselves: a route keeps the order of each stream, and a part of one may linger while others are written.
func (l *ledger) infer(present map[*generation]bool) {
	later := false
	for i := len(l.a.past) - 1; i >= 0; i-- {
		g := l.a.past[i]
		if later && !present[g] {
			before, _ := slices.BinarySearch(g.lines, l.a.past[i+1].first)
			l.saved[g] = max(l.saved[g], before)
		}
		later = later || l.saved[g] > 0
	}
}

// place returns what a cursor stands for: how many lines of which generation. The fields of a cursor of source/tail are
// its version, device and inode, the length and the hash of what the file begins with, the epoch, and the offset.
func (l *ledger) place(name, cursor string) (g *generation, lines int, ok bool) {
	l.t.Helper()
	fields := strings.Fields(cursor)
	var nums [7]uint64
	for i := range nums {
		var err error
		if nums[i], err = strconv.ParseUint(fields[i], 16, 64); err != nil {
			l.t.Fatalf("%s: cursor %q: %v", name, cursor, err)
		}
	}
	head, hash, offset := int(nums[3]), nums[4], int(nums[6])
	if head == 0 {
		return nil, 0, false
	}
	if offset%lineLen != 0 {
		l.t.Errorf("%s: cursor %q stands within a line", name, cursor)
	}
	for i := len(l.a.past) - 1; i >= 0; i-- {
		g := l.a.past[i]
		if len(g.head) < head {
			continue
		}
		h := fnv.New64a()
		h.Write(g.head[:head])
		if h.Sum64() == hash {
			return g, offset / lineLen, true
		}
	}
	l.t.Errorf("%s: cursor %q is of no file there was", name, cursor)
	return nil, 0, false
}

// readCursors reads a copy of the checkpoints, so that the child finds them as it left them.
func readCursors(t *testing.T, state string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	for _, suffix := range []string{"", ".prev"} {
		data, err := os.ReadFile(state + suffix)
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "state"+suffix), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := source.NewFileCheckpoints(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]string{}
	for name, cursor := range f.All(context.Background()) {
		all[name] = cursor
	}
	return all
}
