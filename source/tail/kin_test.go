package tail

import (
	"slices"
	"testing"
)

// TestKin sets the prints found in one pass beside a look at each of them.
func TestKin(t *testing.T) {
	text := make([]byte, 2*printMax)
	for i := range text {
		text[i] = byte(i * i >> 3)
	}
	s := &scanner{orphans: map[string]memo{}}
	var prints []print
	for _, n := range []int{0, 1, 7, 64, printMax - 1, printMax} {
		same := slices.Clone(text[:n])
		prints = append(prints, printOf(same))
		if n > 0 {
			same[n-1]++
			prints = append(prints, printOf(same))
		}
	}
	for i, p := range prints {
		s.orphans[string(rune('a'+i))] = memo{cursor: cursor{mark: mark{print: p}}}
	}
	k := newKin(s)
	for _, n := range []int{0, 1, 6, 7, 8, 100, printMax - 1, printMax, printMax + 1} {
		var want []print
		for _, p := range prints {
			if p.n > 0 && p.n <= n && hash(text[:p.n]) == p.hash {
				want = append(want, p)
			}
		}
		if got := k.of(text[:n]); !slices.Equal(got, want) {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
}
