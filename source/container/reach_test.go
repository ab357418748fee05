package container

import (
	"testing"
)

func TestPauses(t *testing.T) {
	for range 100 {
		b := newPause()
		for i := range 20 {
			d := next(b)
			around := min(minPause<<i, maxPause)
			if d < around*6/10 || d > around*14/10 || d > maxPause {
				t.Fatalf("pause %d is %v", i, d)
			}
		}
	}
}
