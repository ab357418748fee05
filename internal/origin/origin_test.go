package origin

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMark: the mark goes with what is derived, and nowhere else.
func TestMark(t *testing.T) {
	plain := context.Background()
	marked := Mark(plain)
	derived, cancel := context.WithCancel(context.WithoutCancel(marked))
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		want bool
	}{"nil": {nil, false}, "plain": {plain, false}, "marked": {marked, true}, "derived": {derived, true}} {
		if got := Marked(c.ctx); got != c.want {
			t.Errorf("%s: marked is %v", name, got)
		}
	}
}
