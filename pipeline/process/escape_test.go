package process_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

func TestEscape(t *testing.T) {
	for _, test := range []struct {
		cfg        process.EscapeConfig
		line, want string
	}{
		{process.EscapeConfig{}, "", ""},
		{process.EscapeConfig{}, "a\tb äöü 世界 😀", "a\tb äöü 世界 😀"},
		{process.EscapeConfig{}, "a\nINFO forged\r", `a\nINFO forged\r`},
		{process.EscapeConfig{}, "\x00\x1b[31mred\x1b[0m\x7f", `\x00\x1b[31mred\x1b[0m\x7f`},
		{process.EscapeConfig{}, "\u0085\u009b1m\u202eabc\u2069", `\u0085\u009b1m\u202eabc\u2069`},
		{process.EscapeConfig{}, "\xff ä\xe4 \xe4\xb8", `\xff ä\xe4 \xe4\xb8`},
		{process.EscapeConfig{}, "\uFFFD", "\uFFFD"},
		{process.EscapeConfig{}, "01234\x7f6789abcdef\x7f123456789abcdef\x1f", `01234\x7f6789abcdef\x7f123456789abcdef\x1f`},
		{process.EscapeConfig{Keep: "\n"}, "a\tb\nc", "a\\tb\nc"},
		{process.EscapeConfig{StripANSI: true}, "\x1b[1;31mred\x1b[0m \x1b]0;title\aa\x1b]8;;http://x\x1b\\b\x1b(Bc\x1bMd", "red abcd"},
		{process.EscapeConfig{StripANSI: true}, "\x1b[31", `\x1b[31`},
		{process.EscapeConfig{StripANSI: true}, "\x1b[3\n1m", `\x1b[3\n1m`},
		{process.EscapeConfig{StripANSI: true}, "\x1b]never ends", `\x1b]never ends`},
		{process.EscapeConfig{StripANSI: true}, "\x1b\x1b[m[31m\x1b", `\x1b[31m\x1b`},
	} {
		x := process.Must(process.Escape(test.cfg))
		e := through(t, x, test.line, batch.Attr{Key: "a", Value: "fine"}, batch.Attr{Key: "b", Value: test.line})
		if want := []batch.Attr{{Key: "a", Value: "fine"}, {Key: "b", Value: test.want}}; string(e.Line) != test.want || !slices.Equal(e.Attrs, want) {
			t.Errorf("%q became %q %q, want %q", test.line, e.Line, e.Attrs, test.want)
		}
		if n := x.Stats().Entries; n == 1 != (test.line != test.want) {
			t.Errorf("%q: counted %d", test.line, n)
		}
	}
}

func TestEscapeConfig(t *testing.T) {
	_, err := process.Escape(process.EscapeConfig{Keep: "\tx\x1b", StripANSI: true})
	names(t, err, `Escape: Keep: 'x'`, "Escape: Keep: has")
}

// Strings of terminals are taken out up to the end that comes next, if one does, and
// if that is not too far.
func TestEscapeStrings(t *testing.T) {
	x := process.Must(process.Escape(process.EscapeConfig{StripANSI: true}))
	ends := regexp.MustCompile("\a|\x1b\\\\")
	escaped := strings.NewReplacer("\x1b", `\x1b`, "\a", `\x07`)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		line, want, long := "", "", strings.Repeat("b", 1500)
		for range r.IntN(20) {
			line += []string{"\x1b]", "\x1bP", "a", "\a", "\x1b\\", long}[r.IntN(6)]
		}
		for rest := line; rest != ""; {
			var at []int
			if strings.HasPrefix(rest, "\x1b]") || strings.HasPrefix(rest, "\x1bP") {
				at = ends.FindStringIndex(rest)
			}
			if at != nil && at[1] <= 4096 {
				rest = rest[at[1]:]
			} else if after, ok := strings.CutPrefix(rest, "\x1b\\"); ok {
				rest = after // a sequence of two bytes
			} else {
				want += escaped.Replace(rest[:1])
				rest = rest[1:]
			}
		}
		if got := string(through(t, x, line).Line); got != want {
			t.Fatalf("%q became %q, want %q", line, got, want)
		}
	}
}

func BenchmarkEscape(b *testing.B) {
	bench(b, process.Must(process.Escape(process.EscapeConfig{})), hadoop)
}

// A byte of strings that do not end costs little more if there are more of them.
func BenchmarkEscapeStrings(b *testing.B) {
	x := process.Must(process.Escape(process.EscapeConfig{StripANSI: true}))
	for _, n := range []int{100, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { benchProcess(b, x, strings.Repeat("\x1b]", n)) })
	}
}

// Whatever comes, what leaves is valid, has no control characters, and stays as it is.
func FuzzEscape(f *testing.F) {
	f.Add("\x1b[31m\n\xff\u202e", true)
	f.Fuzz(func(t *testing.T, line string, strip bool) {
		x := process.Must(process.Escape(process.EscapeConfig{StripANSI: strip}))
		got := string(through(t, x, line).Line)
		bad := func(c rune) bool { return unicode.IsControl(c) && c != '\t' || unicode.Is(unicode.Bidi_Control, c) }
		if !utf8.ValidString(got) || strings.ContainsFunc(got, bad) || len(got) > 4*len(line) {
			t.Errorf("%q became %q", line, got)
		}
		if again := string(through(t, x, got).Line); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
