package file

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
)

func mustPath(t testing.TB, template string, names nameRule) *pathRule {
	t.Helper()
	r, err := newPathRule(template, names, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPaths(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, test := range []struct{ template, app, want string }{
		{"all.log", "shop", "all.log"},
		{"{app}.log", "shop", "shop.log"},
		{"{app}/{date}.log", "shop", "shop/2026-01-02.log"},
		{"{year}/{month}/{day}/{hour}{minute}-{app}.log", "x", "2026/01/02/0304-x.log"},
		{"{label:app}-{label:date}.log", "x", "x-_.log"},
		{"{app}-{label}.log", "x", "x-_.log"}, {"{label:app}-{label:label}.log", "x", "x-_.log"},
		{"{{{app}}}.log", "x", "{x}.log"},
		{"{app}.log", "", "_.log"},
		{"{app}.log", "_", "%5F.log"},
		{"{app}.log", "Ünïcode 日本", "Ünïcode 日本.log"},
		{"{app}.log", "a/b\\c:d*e?f\"g<h>i|j%k", "a%2Fb%5Cc%3Ad%2Ae%3Ff%22g%3Ch%3Ei%7Cj%25k.log"},
		{"{app}/x.log", "..", "%2E%2E/x.log"},
		{"{app}/x.log", ".", "%2E/x.log"},
		{"{app}/x.log", ".hidden. ", "%2Ehidden.%20/x.log"},
		{"{app}/x.log", "../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd/x.log"},
		{"{app}.log", "a\x00\n\x1b\x7f", "a%00%0A%1B%7F.log"},
		{"{app}.log", "a\u202eb\u2028\ufeff", "a%E2%80%AEb%E2%80%A8%EF%BB%BF.log"},
		{"{app}.log", "con", "%63%6F%6E.log"},
		{"co{app}.log", "N", "co%4E.log"},
		{"{app}.log", "com1.x", "%63%6F%6D%31%2E%78.log"},
		{"{app}.log", "console", "console.log"},
		{"{app}.log", "*", "%2A.log"},
	} {
		l, err := batch.NewLabels(map[string]string{"app": test.app})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustPath(t, test.template, nameRule{}).render(l, at); got != test.want {
			t.Errorf("%q with %q: %q, want %q", test.template, test.app, got, test.want)
		}
	}
	if got := mustPath(t, "{app}.log", namesOf("darwin")).render(batch.MustLabels("app", "Shop é"), at); got != "%53hop %C3%A9.log" {
		t.Errorf("where capitals do not count: %q", got)
	}
}

func TestBadPaths(t *testing.T) {
	for template, want := range map[string]string{
		"":                                   "missing",
		"/var/log/":                          "empty name",
		"/var/log/{app}":                     "does not end in text",
		"/var/log/app":                       "does not end in text",
		"/var/log/{app}.":                    "does not end in text",
		"/var/log/x.1":                       "does not end in text",
		"/var/log/{app}.gz":                  "for generations",
		"/var/log/{app}/../x.log":            "would leave its folder",
		"/var/log/{app}/./x.log":             "would leave its folder",
		"/var/log/{app}//x.log":              "empty name",
		"/var/log/{app.log":                  "a { has no }",
		"/var/log/app}.log":                  "a } has no {",
		"/var/log/{}.log":                    "{} is no placeholder",
		"/var/log/{a b}.log":                 `"a b" cannot be the name of a label`,
		"/var/log/{date:2006}.log":           "{date:2006} is no placeholder",
		"/var/log/{app}\x00.log":             "control character",
		"/var/log/{app}/nul/x.log":           "device on Windows",
		"/var/log/a{{b/{app}.log":            "a brace in its name",
		strings.Repeat("x", 300) + ".log":    "longer than 227 bytes",
		strings.Repeat("{a}", 10) + ".log":   "fewer than 68 bytes",
		strings.Repeat("{a}/", 40) + "x.log": "more than 32 folders",
	} {
		_, err := New(Config{Path: template})
		if err == nil || !strings.HasPrefix(err.Error(), "file: Config.Path: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", template, err, want)
		}
	}
}

func TestRoots(t *testing.T) {
	for template, want := range map[string][2]string{
		"/var/log/shop/{app}/x.log": {"/var/log/shop", "{app}/x.log"},
		"/var/log/shop-{app}.log":   {"/var/log", "shop-{app}.log"},
		"/{app}.log":                {"/", "{app}.log"},
		"logs/all.log":              {"logs", "all.log"},
		"all.log":                   {".", "all.log"},
	} {
		root, rest, err := splitRoot(template)
		if err != nil || root != filepath.FromSlash(want[0]) || rest != want[1] {
			t.Errorf("%q: %q, %q, %v", template, root, rest, err)
		}
	}
}

// TestWindows: a path is valid for as long as its times stay the same, and no longer, also when the clock is set.
func TestWindows(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, loc := range []*time.Location{time.UTC, berlin, time.FixedZone("odd", 5*3600+45*60)} {
		for _, template := range []string{"{date}.log", "{year}/{hour}.log", "{date}T{hour}{minute}.log"} {
			r := mustPath(t, template, nameRule{})
			r.loc = loc
			for _, base := range []time.Time{noon, {}, time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)} {
				for n := range 26 * 6 {
					at := base.Add(time.Duration(n) * (10*time.Minute - time.Second))
					from, to := r.window(at)
					want := r.render(shop, at)
					if at.Unix() < from || at.Unix() >= to {
						t.Fatalf("%v in %v is outside of its own window", at, loc)
					}
					for _, edge := range []int64{from, to - 1} {
						if got := r.render(shop, time.Unix(edge, 0)); got != want {
							t.Fatalf("%v in %v: %q, but %q at %v", at, loc, want, got, time.Unix(edge, 0))
						}
					}
				}
			}
		}
	}
}

// FuzzPath: no label leaves the folder, two values never have one path, and what is in a name can be read back.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"", "_", "..", "/etc/passwd", "con", "a\x00b", strings.Repeat("long", 100), strings.Repeat("é", 120), "%2E", "A", "x.log.20260102T150405.000", "-rf", "*"} {
		f.Add(s, "shop", true)
		f.Add(s, s+"x", false)
	}
	root, err := os.OpenRoot(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { root.Close() })
	f.Fuzz(func(t *testing.T, a, b string, fold bool) {
		r := mustPath(t, "in-{app}/{app}.log", nameRule{fold: fold})
		la, errA := batch.NewLabels(map[string]string{"app": a})
		lb, errB := batch.NewLabels(map[string]string{"app": b})
		if errA != nil || errB != nil {
			t.Skip()
		}
		pa, pb := r.render(la, noon), r.render(lb, noon)
		if !filepath.IsLocal(pa) || path.Clean(pa) != pa || strings.Count(pa, "/") != 1 || !utf8.ValidString(pa) {
			t.Fatalf("%q: %q", a, pa)
		}
		if (pa == pb) != (a == b) || fold && strings.EqualFold(pa, pb) != (a == b) {
			t.Fatalf("%q and %q: %q and %q", a, b, pa, pb)
		}
		name := path.Base(pa)
		if len(name) > longestName || reserved(name) || strings.ContainsAny(name, "\\:*?\"<>|\x00") {
			t.Fatalf("%q: %q", a, name)
		}
		if value := strings.TrimSuffix(name, ".log"); !strings.Contains(value, cutMark) && readBack(t, value) != a {
			t.Fatalf("%q is read back from %q", a, value)
		}
		v := survey{sink: &Sink{rules: rules{path: r}}, now: noon}
		if p, ok := v.match(&r.components[1], name); !ok || p.name != name || p.current != name || p.family != name {
			t.Fatalf("%q is not known again: %+v", name, p)
		}
		if err := root.MkdirAll(path.Dir(pa), 0o700); err != nil {
			t.Fatal(err)
		}
		file, err := root.Create(pa)
		if err != nil {
			t.Fatalf("%q: %v", a, err)
		}
		file.Close()
		if err := root.RemoveAll(path.Dir(pa)); err != nil {
			t.Fatal(err)
		}
	})
}

// readBack undoes what nameRule does.
func readBack(t *testing.T, name string) string {
	if name == absent {
		return ""
	}
	var value []byte
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			value = append(value, name[i])
			continue
		}
		c, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		value = append(value, byte(c))
		i += 2
	}
	return string(value)
}
