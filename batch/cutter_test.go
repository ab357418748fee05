package batch

import (
	"bytes"
	"testing"
)

// checkCut wants what the two make of text, called until nothing is
// left but an unfinished line, to be what the reference makes of it.
func checkCut(t *testing.T, text []byte, maxLine int, keepCR bool) {
	t.Helper()
	c := Cutter{MaxLine: maxLine, KeepCR: keepCR}
	if maxLine <= 0 {
		maxLine = len(text)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	want, cut := reference(whole, maxLine, keepCR)
	for name, lines := range map[string]func(*Batch, []byte) int{"shared": c.AppendShared, "copied": c.Append} {
		i := 0
		for rest := text; ; {
			b := New(nil, Labels{})
			used := lines(b, rest)
			if used == 0 {
				break
			}
			if len(b.Entries) > MaxCut {
				t.Fatalf("%s: %d entries", name, len(b.Entries))
			}
			for _, e := range b.Entries {
				if i >= len(want) || string(e.Line) != want[i] || (len(e.Attrs) > 0) != cut[i] {
					t.Fatalf("%s: line %d of %q is %q", name, i, text, e.Line)
				}
				i++
			}
			rest = rest[used:]
			b.Settle(nil)
		}
		if i != len(want) {
			t.Fatalf("%s: %d lines of %q, want %d", name, i, text, len(want))
		}
	}
}

// reference is what a Cutter does, without its hurry.
func reference(text []byte, maxLine int, keepCR bool) (lines []string, cut []bool) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if !keepCR {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		lines = append(lines, string(line[:min(len(line), maxLine)]))
		cut = append(cut, len(line) > maxLine)
	}
	return lines, cut
}

// TestCut tries every text of up to six bytes that matter.
func TestCut(t *testing.T) {
	alphabet := []byte("a\r\n\x00")
	var text []byte
	var try func(n int)
	try = func(n int) {
		checkCut(t, text, 2, false)
		checkCut(t, text, 1, true)
		checkCut(t, text, 0, false)
		if n == 0 {
			return
		}
		for _, c := range alphabet {
			text = append(text, c)
			try(n - 1)
			text = text[:len(text)-1]
		}
	}
	try(6)
}

func FuzzCut(f *testing.F) {
	f.Add([]byte("a\r\n\nb\x00\nlong line\nrest"), 4, true)
	f.Fuzz(func(t *testing.T, text []byte, maxLine int, keepCR bool) {
		checkCut(t, text, maxLine, keepCR)
	})
}
