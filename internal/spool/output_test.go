package spool

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// A group of frames large and small is several writes. Each fails by itself, and from there on: all of the group was not
// written then, or all of it to another file.
func TestLargeAppendFailsAnywhere(t *testing.T) {
	group := []string{"first", strings.Repeat("a", 40<<10), "third", strings.Repeat("b", 20<<10), strings.Repeat("c", 33<<10), "last"}
	for _, lasting := range []bool{false, true} {
		writes := 0
		for step := 1; ; step++ {
			d := newMemDisk()
			r := bigRig(t, d)
			r.append("before")
			d.steps = 0
			op := ""
			d.fail = func(n int, o string) error {
				if n == step {
					op = o
				}
				if n == step || lasting && n > step {
					return errStep(o)
				}
				return nil
			}
			err := r.Append(items(group...))
			d.fail = nil
			if op == "" {
				break
			}
			if op == "write" {
				writes++
			}
			want := []string{"before"}
			if err == nil {
				want = append(want, group...)
			}
			if err == nil && (lasting || op == "write") {
				t.Fatalf("step %d, lasting %v: a failure of %s goes unnoticed", step, lasting, op)
			}
			r.append("after")
			want = append(want, "after")
			for _, rnd := range []*rand.Rand{nil, rand.New(rand.NewPCG(uint64(step), 1))} {
				again := bigRig(t, d.crash(rnd))
				again.want(want...)
				if len(again.told) > 0 {
					t.Errorf("step %d, lasting %v, %s: told of %+v", step, lasting, op, again.told)
				}
			}
			r.want(want...)()
			r.wantEmpty()
		}
		if writes != 5 {
			t.Errorf("lasting %v: %d writes failed by turns, want 5", lasting, writes)
		}
	}
}

// However large a group is, what is gathered of it is bounded.
func TestGatheringIsBounded(t *testing.T) {
	r := bigRig(t, newMemDisk())
	var group []string
	for range 100 {
		group = append(group, strings.Repeat("x", 30<<10))
	}
	r.append(group...)
	if got := cap(r.out); got > 2*gatherBytes {
		t.Errorf("%d bytes are kept", got)
	}
	r.want(group...)()
}
