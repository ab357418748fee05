package nxtail

import (
	"strings"
	"testing"
)

func TestAnchors(t *testing.T) {
	for _, line := range []string{"", "x", strings.Repeat("a", 62), strings.Repeat("b", 63), strings.Repeat("c", 64), strings.Repeat("d", 500)} {
		text := []byte(line + "\n")
		if got, want := anchorBehind(line), anchorOf(text); got != want || got.n != min(len(text), anchorMax) {
			t.Errorf("behind a line of %d bytes: %v, want %v", len(line), got, want)
		}
	}
	if anchorBehind("a") == anchorBehind("b") {
		t.Error("two lines have one anchor")
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{identity{1, 2}, 300, anchorBehind("a line")}.String())
	f.Add("1 0 0 1 1 0")
	f.Add("1 0 0 0 0 0")
	f.Add("1 0 0 1 2 0")
	f.Add("1 00 0 1 1 0")
	f.Add("2 0 0 1 1 0")
	f.Add("1 0 0 ffffffffffffffff 1 0")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			return
		}
		if c.String() != text {
			t.Errorf("%q was read as %q", text, c)
		}
		if c.anchor.n < 1 || c.anchor.n > anchorMax || c.offset < int64(c.anchor.n) {
			t.Errorf("%q names bytes that are in no file", text)
		}
	})
}
