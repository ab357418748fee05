package chat_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logferry/logferry/internal/enginetest/chat"
)

func TestLinesAreRecognised(t *testing.T) {
	for _, odd := range []bool{false, true} {
		for _, size := range []int{0, 1, 13, 14, 15, 16, 17, 98, 99, 100, 101, 16383, 16384, 16385, 100_000} {
			for _, n := range []int{0, 9, 10, 12345} {
				want := chat.Line{Run: "run-1", Output: chat.Stderr, N: n}
				text := want.Append([]byte("before"), size, odd)[len("before"):]
				if size > 30 && len(text) != size {
					t.Errorf("%d bytes, want %d", len(text), size)
				}
				if len(text) > max(size, 30) || bytes.ContainsRune(text, '\n') || bytes.HasSuffix(text, []byte("\r")) {
					t.Errorf("size %d: %q", size, text)
				}
				if got, ok := chat.Parse(text); !ok || got != want {
					t.Errorf("%.40q: %v, %v, want %v", text, got, ok, want)
				}
			}
		}
	}
}

// A driver that stores text stores U+FFFD for what is none, wherever a line was cut.
func TestOddLinesAreRecognisedWithoutTheirOddBytes(t *testing.T) {
	want := chat.Line{Run: "run-1", Output: chat.Stdout, N: 3}
	text := want.Append(nil, 200, true)
	for cut := range text {
		stored := replace(text[:cut]) + replace(text[cut:])
		if stored == string(text) {
			t.Fatal("it is valid UTF-8")
		}
		if got, ok := chat.Parse([]byte(stored)); !ok || got != want {
			t.Fatalf("%q: %v, %v, want %v", stored, got, ok, want)
		}
	}
}

// replace does to each byte that is not UTF-8 what encoding/json does.
func replace(b []byte) string {
	var out strings.Builder
	for _, r := range string(b) {
		out.WriteRune(r)
	}
	return out.String()
}

// No byte can change, go or be added unseen, but for one that stands for another of the kind.
func TestChangedLinesAreNotRecognised(t *testing.T) {
	for _, odd := range []bool{false, true} {
		line := chat.Line{Run: "run", Output: chat.Stdout, N: 70}
		text := line.Append(nil, 120, odd)
		for i := range text {
			changed := bytes.Clone(text)
			changed[i] ^= 1
			for what, other := range map[string][]byte{
				"changed":  changed,
				"cut off":  text[:i],
				"gone":     append(bytes.Clone(text[:i]), text[i+1:]...),
				"repeated": append(bytes.Clone(text[:i+1]), text[i:]...),
			} {
				if got, ok := chat.Parse(other); ok && got == line {
					t.Errorf("byte %d %s: %q is taken for %q", i, what, other, text)
				}
			}
		}
	}
}

func TestNoLines(t *testing.T) {
	for _, text := range []string{
		"", "x", " ", "    ", "run o 1", "run o 1 20", "run x 1 20 bcdefghij", "run oo 1 20 bcdefghij", "run o -1 20 bcdefghij",
		"run o 1 -20 bcdefghij", "run o 01 20 bcdefghij", "run o 1 99999999999 bcdefghij", "run o 9999999999999 30 abcdefg",
	} {
		if l, ok := chat.Parse([]byte(text)); ok {
			t.Errorf("%q is taken for %v", text, l)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, odd := range []bool{false, true} {
		f.Add(chat.Line{Run: "run", Output: chat.Stdout, N: 3}.Append(nil, 64, odd))
	}
	f.Add([]byte("run o 1073741824 40! ok \xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, ok := chat.Parse(text)
		if !ok {
			return
		}
		// What is recognised is what would be written.
		size := len(text)
		for _, odd := range []bool{false, true} {
			for ; size > 0; size-- {
				made := l.Append(nil, size, odd)
				if bytes.Equal(made, text) || odd && replace(made) == string(text) {
					return
				}
			}
			size = len(text)
		}
		t.Errorf("%q is taken for %v", text, l)
	})
}

func ExampleLine() {
	line := chat.Line{Run: "shop-1", Output: chat.Stdout, N: 17}.Append(nil, 40, false)
	fmt.Printf("%s\n", line)
	fmt.Println(chat.Parse(line))
	fmt.Println(chat.Parse(line[:39]))
	// Output:
	// shop-1 o 17 40 rstuvwxyzabcdefghijklmnop
	// {shop-1 111 17} true
	// { 0 0} false
}
