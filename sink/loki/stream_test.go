package loki

import "testing"

// Requests become smaller only once patience is over, by half each time, and grow again as they got smaller.
func TestLimits(t *testing.T) {
	var l limits
	const most = 1 << 20
	size := func(when string, want int) {
		t.Helper()
		if got := l.request(most); got != want {
			t.Errorf("%s: %d bytes, want %d", when, got, want)
		}
	}
	for range patience {
		size("patient", most)
		l.refused()
	}
	size("at the end of patience", most)
	for n := 1; n <= maxShrink; n++ {
		if l.exhausted() {
			t.Errorf("exhausted after %d", n)
		}
		l.refused()
		size("refused", most>>n)
	}
	for range 5 {
		l.refused()
	}
	if size("refused for ever", most>>maxShrink); !l.exhausted() {
		t.Error("not exhausted")
	}
	for n := maxShrink - 1; n >= 0; n-- {
		l.accepted()
		size("accepted", most>>n)
	}
	for range 2 * patience {
		l.accepted()
	}
	l.refused()
	size("refused again", most)
	if n := l.refusals.Load(); n != 1 {
		t.Errorf("%d refusals are remembered", n)
	}
}
