package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// whole reports whether text is one value and nothing else.
func whole(text string) bool {
	s := Scan{Rest: []byte(text)}
	return s.Skip(MaxDepth) && s.End()
}

func TestSkip(t *testing.T) {
	for _, good := range []string{
		`{}`, `[]`, ` {"a" : [1 , -2.5e+3, {"b":null}] , "c":"\"}\\"} `, `"x"`, `0`, `-0.0E-0`, `true`, "\"a\tb\"",
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	} {
		if !whole(good) {
			t.Errorf("%q is not taken", good)
		}
	}
	for _, bad := range []string{
		``, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `{"a":1]`, `[1}`, `{a:1}`, `{"a":01}`, `1.`, `.5`, `1e`, `+1`, `-`, `tru`,
		`nul`, `{} {}`, `"`, `"\"`, `{"a":1}}`, `]`, `{,}`, "\x00", `{"a":` + "\x00" + `}`,
		strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), strings.Repeat(`{"a":`, 1<<16),
	} {
		if whole(bad) {
			t.Errorf("%.80q is taken", bad)
		}
	}
}

// What the standard library takes is taken, unless it is too deep, and what is
// taken is what it takes, but for the insides of strings.
func FuzzSkip(f *testing.F) {
	f.Add(`{"a":[1,-2.5e3,true,{"y":"}"}],"b":"\u00e9\""}`)
	f.Add(`{"a":01}`)
	f.Add(`[[[]],{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		if json.Valid([]byte(text)) {
			if !whole(text) && strings.Count(text, "[")+strings.Count(text, "{") <= MaxDepth {
				t.Errorf("%q is not taken", text)
			}
			return
		}
		hasString := strings.ContainsRune(text, '"') || !utf8.ValidString(text)
		if whole(text) && !hasString {
			t.Errorf("%q is taken", text)
		}
	})
}

// Unquote yields what the standard library does, and never more than it is given.
func FuzzUnquote(f *testing.F) {
	f.Add(`a\u00e9\ud83d\ude00\"\\\n`)
	f.Add(`\ud83d\u0041\ud83d`)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Unquote(nil, []byte(text))
		if len(got) > len(text) {
			t.Errorf("%q: %q is longer", text, got)
		}
		var want string
		if !utf8.ValidString(text) || json.Unmarshal([]byte(`"`+text+`"`), &want) != nil {
			return
		}
		if !ok || !bytes.Equal(got, []byte(want)) {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want)
		}
	})
}
