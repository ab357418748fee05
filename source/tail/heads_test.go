package tail

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHeads sets heads beside a look at every file, with beginnings that often
// agree.
func TestHeads(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := func() []byte {
		b := make([]byte, rnd.IntN(7))
		for i := range b {
			b[i] = "ab"[rnd.IntN(2)]
		}
		return b
	}
	for range 300 {
		var h heads
		all := map[*file]bool{}
		for range 40 {
			f := &file{prefix: random()}
			h.put(f)
			all[f] = true
			for g := range all {
				switch rnd.IntN(8) {
				case 0:
					h.remove(g)
					delete(all, g)
				case 1:
					g.prefix = append(slices.Clone(g.prefix), random()...)
					h.put(g)
				case 2:
					g.prefix = nil
					h.put(g)
				}
			}
			p := random()
			var want []*file
			for g := range all {
				if alike(p, g.prefix) {
					want = append(want, g)
				}
			}
			if len(p) == 0 {
				continue
			}
			got := slices.Collect(h.alike(p))
			if len(got) != len(want) {
				t.Fatalf("%d files are like %q, want %d", len(got), p, len(want))
			}
			for _, g := range want {
				if !slices.Contains(got, g) {
					t.Fatalf("%q is not like %q", g.prefix, p)
				}
			}
		}
	}
}
