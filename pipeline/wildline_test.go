package pipeline

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// rnd is a source of chance that goroutines may share.
type rnd struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newRnd(seed uint64) *rnd { return &rnd{r: rand.New(rand.NewPCG(seed, 1))} }

func (r *rnd) IntN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.r.IntN(n)
}

func (r *rnd) in(lo, hi int) int                  { return lo + r.IntN(hi-lo) }
func (r *rnd) one(in int) bool                    { return r.IntN(in) == 0 }
func (r *rnd) upTo(d time.Duration) time.Duration { return time.Duration(r.IntN(int(d))) + 1 }

// A line is "source/stream/number"; with a "+" in front it was made by a
// processor.
type line struct {
	source, stream string
	n              int
	added          bool
}

func (l line) String() string {
	plus := ""
	if l.added {
		plus = "+"
	}
	return fmt.Sprintf("%s%s/%s/%d", plus, l.source, l.stream, l.n)
}

func parse(text []byte) (l line, ok bool) {
	rest, added := strings.CutPrefix(string(text), "+")
	f := strings.Split(rest, "/")
	if len(f) != 3 {
		return l, false
	}
	n, err := strconv.Atoi(f[2])
	return line{f[0], f[1], n, added}, err == nil
}

// luck decides, by its text alone, what a line is in for.
func (l line) luck(of string, in int) int {
	h := fnv.New32a()
	h.Write([]byte(of + l.String()))
	return int(h.Sum32() % uint32(in))
}

// labels are the line's own: each stream has three label sets.
func (l line) labels() batch.Labels {
	return batch.MustLabels("source", l.source, "stream", l.stream, "third", strconv.Itoa(l.n%3))
}
