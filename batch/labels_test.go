package batch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLabelNames(t *testing.T) {
	good := []string{"a", "Z", "_", "app", "_1", "a1_B", "__name__"}
	bad := []string{"", "1a", "a-b", "a.b", "a b", "ä", "a\xff", "a\n", "a\"", "日本", "a{", " a"}
	for _, name := range good {
		if !ValidName(name) {
			t.Errorf("ValidName(%q) = false", name)
		}
	}
	for _, name := range bad {
		if ValidName(name) {
			t.Errorf("ValidName(%q) = true", name)
		}
		l, err := NewLabels(map[string]string{name: "v", "ok": "v"})
		if !errors.Is(err, ErrLabel) || l != (Labels{}) {
			t.Errorf("NewLabels with name %q: %v, %v", name, l, err)
		}
		if err != nil && !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("the error does not say which name: %v", err)
		}
		// Absent or not, a name that cannot be is a mistake worth telling.
		if _, err := NewLabels(map[string]string{name: ""}); !errors.Is(err, ErrLabel) {
			t.Errorf("NewLabels with name %q and no value: %v", name, err)
		}
	}
}

func TestLabelErrorsAreJoined(t *testing.T) {
	_, err := NewLabels(map[string]string{"1": "a", "2": "b", "good": "c", "bytes": "\xff"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"1"`, `"2"`, "bytes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not mention %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "good") {
		t.Errorf("%v: mentions a good label", err)
	}
}

func TestLabelValues(t *testing.T) {
	for _, v := range []string{"x", " ", "\x00", "\n", `"`, `\`, "é", "\U0010ffff", "\ufffd", strings.Repeat("long", 10_000)} {
		l, err := NewLabels(map[string]string{"a": v})
		if err != nil || l.Get("a") != v {
			t.Errorf("value %.20q: got %.20q, %v", v, l.Get("a"), err)
		}
	}
	// 0xFF is what values are kept apart with: it must not be smuggled in.
	for _, v := range []string{"\xff", "a\xffb\xffc", "\xc3", "\xed\xa0\x80"} {
		if l, err := NewLabels(map[string]string{"a": v}); !errors.Is(err, ErrLabel) || l != (Labels{}) {
			t.Errorf("value %q: %v, %v", v, l, err)
		}
		if _, err := MustLabels("a", "x").With("b", v); !errors.Is(err, ErrLabel) {
			t.Errorf("With value %q: %v", v, err)
		}
	}
}

func TestEmptyValueIsAbsent(t *testing.T) {
	if MustLabels("a", "") != (Labels{}) || MustLabels() != (Labels{}) {
		t.Error("a set of nothing is not the zero Labels")
	}
	if MustLabels("a", "x", "b", "") != MustLabels("a", "x") {
		t.Error("an empty value makes a difference")
	}
	l, err := MustLabels("a", "x", "b", "y").With("b", "")
	if err != nil || l != MustLabels("a", "x") {
		t.Errorf("With an empty value: %v, %v", l, err)
	}
	if l, err := l.With("a", ""); err != nil || l != (Labels{}) {
		t.Errorf("removing the last label: %v, %v; want the zero Labels", l, err)
	}
	var zero Labels
	if zero.Get("a") != "" || zero.Len() != 0 || zero.String() != "{}" {
		t.Errorf("zero Labels: %q, %d, %s", zero.Get("a"), zero.Len(), zero)
	}
	for range zero.All() {
		t.Error("the zero Labels yields something")
	}
	if l, err := zero.With("a", "x"); err != nil || l != MustLabels("a", "x") {
		t.Errorf("With on the zero Labels: %v, %v", l, err)
	}
}

func TestMustLabelsPanics(t *testing.T) {
	for _, args := range [][]string{{"a"}, {"a", "x", "b"}, {"a", "x", "a", "x"}, {"a", "x", "a", ""}, {"-", "x"}, {"a", "\xff"}} {
		mustPanic(t, fmt.Sprintf("MustLabels(%q)", args), func() { MustLabels(args...) })
	}
}

func TestAllStopsEarly(t *testing.T) {
	n := 0
	for range MustLabels("a", "1", "b", "2", "c", "3").All() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("yielded %d", n)
	}
}

func TestLabelsAppend(t *testing.T) {
	got := MustLabels("b", "2", "a", "1").Append([]byte("x "))
	if want := `x {a="1", b="2"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// parseLabels reads what String writes, by the grammar of a Prometheus
// selector rather than by the code under test.
func parseLabels(s string) (map[string]string, []string, error) {
	m := map[string]string{}
	var order []string
	inner, ok := strings.CutPrefix(s, "{")
	if !ok {
		return nil, nil, errors.New("no {")
	}
	for first := true; ; first = false {
		if inner == "}" {
			return m, order, nil
		}
		if !first {
			if inner, ok = strings.CutPrefix(inner, ", "); !ok {
				return nil, nil, fmt.Errorf("want a comma before %q", inner)
			}
		}
		name, rest, ok := strings.Cut(inner, "=")
		if !ok {
			return nil, nil, fmt.Errorf("no = in %q", inner)
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, nil, err
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, nil, err
		}
		m[name] = value
		order = append(order, name)
		inner = rest[len(quoted):]
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("app", "shop", "env", "prod", "zone", "eu")
	f.Add("a", "", "b", `x", c="y`, "c", "\\")
	f.Add("a", "\n\r\t\x00\x7f", "b", "\u2028\ufeff\ufffd", "_", "}")
	f.Add("a", "\xff", "1", "x", "", "")
	f.Add("b", "x", "b", "y", "a", "z")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2, n3, v3 string) {
		in := map[string]string{n1: v1, n2: v2, n3: v3}
		valid := true
		for n, v := range in {
			valid = valid && ValidName(n) && utf8.ValidString(v)
		}
		l, err := NewLabels(in)
		if (err == nil) != valid || err != nil && !errors.Is(err, ErrLabel) {
			t.Fatalf("NewLabels(%q) = %v; valid is %v", in, err, valid)
		}
		if !valid {
			return
		}
		want := maps.Clone(in)
		maps.DeleteFunc(want, func(_, v string) bool { return v == "" })
		got, order, err := parseLabels(l.String())
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("%q reads back as %q, %v; want %q", l, got, err, want)
		}
		if !slices.IsSorted(order) || l.Len() != len(want) {
			t.Fatalf("%s: names %q, Len %d", l, order, l.Len())
		}
		if all := maps.Collect(l.All()); !maps.Equal(all, want) {
			t.Fatalf("All gives %q, want %q", all, want)
		}
		for n, v := range in {
			if l.Get(n) != v {
				t.Fatalf("Get(%q) = %q, want %q", n, l.Get(n), v)
			}
		}
		checkWith(t, l, in)
	})
}

// checkWith builds the set one by one, in two orders: however it came about,
// it is the same set.
func checkWith(t *testing.T, l Labels, in map[string]string) {
	names := slices.Sorted(maps.Keys(in))
	for range 2 {
		var built Labels
		for _, n := range names {
			if _, err := built.With("passing", "by"); err != nil {
				t.Fatal(err)
			}
			var err error
			if built, err = built.With(n, "before"); err != nil {
				t.Fatal(err)
			}
			if built, err = built.With(n, in[n]); err != nil {
				t.Fatal(err)
			}
		}
		if built != l {
			t.Fatalf("built one by one: %s, at once: %s: not ==", built, l)
		}
		slices.Reverse(names)
	}
}

func TestLabelsAreMapKeys(t *testing.T) {
	m := map[Labels]int{}
	for range 3 {
		m[MustLabels("b", "2", "a", "1")]++
		m[MustLabels("a", "1", "b", "2")]++
		m[MustLabels("a", "1")]++
		m[Labels{}]++
	}
	if len(m) != 3 || m[MustLabels("a", "1", "b", "2")] != 6 {
		t.Errorf("got %v", m)
	}
	// Sets that would be the same text without a separator.
	if MustLabels("a", "bc") == MustLabels("ab", "c") {
		t.Error("different sets are ==")
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		v := recover()
		if v == nil {
			t.Errorf("%s: no panic", what)
			return
		}
		if !strings.HasPrefix(fmt.Sprint(v), "batch: ") {
			t.Errorf("%s: panics with %v", what, v)
		}
	}()
	f()
}
