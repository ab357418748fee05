package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAppendString: what is written is read back by encoding/json, and is one line.
func FuzzAppendString(f *testing.F) {
	for _, text := range []string{"", "plain", "a \"quote\" and a \\", "\n\r\t\x00\x1f\x7f", "\xff\xc3\x28", "\u2028\ufffd", "é日本"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := AppendString([]byte("x"), text, "\uFFFD")
		if string(AppendString([]byte("x"), string(text), "\uFFFD")) != string(got) {
			t.Fatal("a string and its bytes differ")
		}
		if !utf8.Valid(got) || strings.ContainsFunc(string(got), func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q", got)
		}
		var read string
		if err := json.Unmarshal(got[1:], &read); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if want := string([]rune(string(text))); read != want { // each bad byte is a U+FFFD
			t.Fatalf("%q is read as %q", text, read)
		}
	})
}
