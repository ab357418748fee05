package labelset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

// However many labels come, the sets are no more than they may be, what is not
// in a set is told, and the same labels get the same set again.
func TestRegister(t *testing.T) {
	const most = 20
	r := NewRegister()
	rnd := rand.New(rand.NewPCG(1, 2))
	sets := map[batch.Labels]struct{}{}
	given := map[string]batch.Labels{}
	overflows := 0
	for i := range 20_000 {
		labels := []Pair{{"a", fmt.Sprint(rnd.IntN(500))}, {"b", fmt.Sprint(rnd.IntN(4))}}
		set, lost, overflow := r.Enter(labels, most)
		if overflow {
			overflows++
		}
		for _, l := range labels {
			if got := set.Get(l.Name); got != l.Value && (got != Other || !slices.Contains(lost, l)) {
				t.Fatalf("%v: %v, %v lost", labels, set, lost)
			}
		}
		sets[set] = struct{}{}
		if i < 10_000 { // by then all that there is has come
			continue
		}
		key := fmt.Sprint(labels)
		if before, ok := given[key]; ok && before != set {
			t.Fatalf("%v: %v, and %v before", labels, set, before)
		}
		given[key] = set
	}
	if len(sets) > 2*most+1 || len(sets) < most || overflows != 1 {
		t.Errorf("%d sets, want %d to %d; %d overflows", len(sets), most, 2*most+1, overflows)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\xff" + strings.Repeat("ä", MaxValue))
	f.Fuzz(func(t *testing.T, v string) {
		got := Clean(v)
		if !utf8.ValidString(got) || len(got) > MaxValue || len(v) <= MaxValue && utf8.ValidString(v) && got != v {
			t.Errorf("%q: %q", v, got)
		}
	})
}
