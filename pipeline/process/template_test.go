package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline/process"
)

func TestTemplate(t *testing.T) {
	one := func(s string) map[string]string { return map[string]string{"new": s} }
	berlin := time.FixedZone("", 3600)
	for name, test := range map[string]struct {
		cfg  process.TemplateConfig
		want string
	}{
		"label":       {process.TemplateConfig{Labels: one("{app}-{label:line}")}, `{app="shop", line="7", new="shop-7"} [{n 1}] text`},
		"a word":      {process.TemplateConfig{Attrs: one("{label}{label:label}{app}")}, `{app="shop", line="7"} [{n 1} {new shop}] text`},
		"from a line": {process.TemplateConfig{Labels: one("{line}!")}, `{app="shop", line="7", new="text!"} [{n 1}] text`},
		"attributes":  {process.TemplateConfig{Attrs: map[string]string{"n": "{attr:n}{attr:n}", "m": "{{{attr:n}}}"}}, `{app="shop", line="7"} [{n 11} {m {1}}] text`},
		"line":        {process.TemplateConfig{Line: "{time} {labels} {line}{none}"}, `{app="shop", line="7"} [{n 1}] 2026-11-26T12:00:00Z {app="shop", line="7"} text`},
		"time":        {process.TemplateConfig{Attrs: one("{time:Mon 15:04}"), Location: berlin}, `{app="shop", line="7"} [{n 1} {new Thu 13:00}] text`},
		"as it was":   {process.TemplateConfig{Labels: map[string]string{"app": "{line}"}, Attrs: map[string]string{"n": "{app}"}, Line: "{app}{attr:n}"}, `{app="text", line="7"} [{n shop}] shop1`},
		"nothing":     {process.TemplateConfig{Labels: one("{none}-"), Attrs: one("-{attr:none}"), Line: "{attr:none}x"}, `{app="shop", line="7"} [{n 1}] text`},
		"constants":   {process.TemplateConfig{Labels: one("a"), Attrs: one("{{b}}")}, `{app="shop", line="7", new="a"} [{n 1} {new {b}}] text`},
		"cut":         {process.TemplateConfig{Attrs: one("{line}{line}"), Line: "{line}{line}", MaxValue: 6, MaxLine: 5}, `{app="shop", line="7"} [{n 1} {new textte}] textt`},
		"odd verb":    {process.TemplateConfig{Line: "{line}"}, `{app="shop", line="7"} [{n 1}] text`},
	} {
		t.Run(name, func(t *testing.T) {
			x := process.Must(process.Template(test.cfg))
			for range 2 {
				b := batchOf(item{line: "text", labels: batch.MustLabels("app", "shop", "line", "7"), attrs: []batch.Attr{{Key: "n", Value: "1"}}, at: noon})
				line, attrs := b.Entries[0].Line, b.Entries[0].Attrs
				if err := x.Process(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%v %v %s", b.LabelsOf(0), b.Entries[0].Attrs, b.Entries[0].Line); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				if string(line) != "text" || attrs[0].Value != "1" {
					t.Errorf("%s %v was written over", line, attrs)
				}
				b.Settle(nil)
			}
		})
	}
}

func TestTemplateWithoutTime(t *testing.T) {
	x := process.Must(process.Template(process.TemplateConfig{Line: "{time}!"}))
	if got := string(through(t, x, "text").Line); got != "text" {
		t.Errorf("a line without a time became %q", got)
	}
}

// Labels made of lines are no more than they may be, and what they would have been is
// in the attributes.
func TestTemplateBoundsLabels(t *testing.T) {
	x := process.Must(process.Template(process.TemplateConfig{Labels: map[string]string{"user": "{line}"}, MaxLabelSets: 10}))
	sets := map[batch.Labels]bool{}
	for i := range 1000 {
		b := batchOf(item{line: fmt.Sprint(i)})
		if err := x.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		l := b.LabelsOf(0)
		sets[l] = true
		if want := []batch.Attr{{Key: "user", Value: fmt.Sprint(i)}}; l.Get("user") == "other" != slices.Equal(b.Entries[0].Attrs, want) {
			t.Fatalf("%v %v", l, b.Entries[0].Attrs)
		}
		b.Settle(nil)
	}
	if s := x.Stats(); len(sets) != 11 || s.Overflowed != 990 || s.Cut != 0 {
		t.Errorf("%d sets, counted %+v", len(sets), s)
	}
	if process.Must(process.Template(process.TemplateConfig{Line: "{line}", MaxLine: 1})); x.Stats().Cut != 0 {
		t.Error("counted elsewhere")
	}
}

// Entries are counted as cut for what was cut of them, and not for what was of another
// one with the same labels.
func TestTemplateCountsCuts(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  process.TemplateConfig
		line string // the first
		want int64
	}{
		"attribute":              {process.TemplateConfig{Labels: map[string]string{"l": "{app}"}, Attrs: map[string]string{"a": "{line}"}, MaxValue: 10}, "is cut, as it is long", 1},
		"label":                  {process.TemplateConfig{Labels: map[string]string{"l": "{attr:a}"}, MaxValue: 10}, "", 3},
		"a label of 1,024 bytes": {process.TemplateConfig{Labels: map[string]string{"l": "{line}"}, MaxValue: 5000}, strings.Repeat("x", 1025), 1},
	} {
		x := process.Must(process.Template(test.cfg))
		for _, line := range []string{test.line, "short", "short"} {
			b := batchOf(item{line: line, attrs: []batch.Attr{{Key: "a", Value: "too long as well"}}})
			if err := x.Process(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			b.Settle(nil)
		}
		if got := x.Stats().Cut; got != test.want {
			t.Errorf("%s: %d counted as cut, want %d", name, got, test.want)
		}
	}
}

func TestTemplateConfig(t *testing.T) {
	_, err := process.Template(process.TemplateConfig{MaxValue: -1, MaxLine: -1, MaxLabelSets: -1})
	names(t, err, "Template: Labels, Attrs, Line", "Template: MaxValue", "Template: MaxLine", "Template: MaxLabelSets")
	_, err = process.Template(process.TemplateConfig{Line: "{line}", MaxValue: 64<<10 + 1})
	names(t, err, "Template: MaxValue: 65537 is more than 64 KiB")
	_, err = process.Template(process.TemplateConfig{Labels: map[string]string{"a-": "x", "b": "{b"}, Attrs: map[string]string{"": "x", "c": "{c-d}"}, Line: "{line:5}"})
	names(t, err, `Template: Labels: "a-"`, `Template: Labels: "b": a {`, `Template: Attrs: "": has no key`, `Template: Attrs: "c": {c-d}`, "Template: Line: {line:5} is no placeholder")
}

func BenchmarkTemplate(b *testing.B) {
	for name, cfg := range map[string]process.TemplateConfig{
		"nothing": {Labels: map[string]string{"new": "{none}"}},
		"label":   {Labels: map[string]string{"new": "{app}-x"}},
		"attr":    {Attrs: map[string]string{"new": "{app}-x"}},
		"line":    {Line: "{time} {app} {line}"},
	} {
		b.Run(name, func(b *testing.B) { benchProcess(b, process.Must(process.Template(cfg)), hadoop) })
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{line}-{attr:a}", "line", "value", 5)
	f.Fuzz(func(t *testing.T, template, line, value string, most int) {
		x, err := process.Template(process.TemplateConfig{Labels: map[string]string{"l": template}, Attrs: map[string]string{"a": template}, Line: template, MaxValue: most, MaxLine: most})
		if err != nil {
			return
		}
		e := through(t, x, line, batch.Attr{Key: "a", Value: value})
		if most > 0 && string(e.Line) != line && len(e.Line) > most || most > 0 && e.Attrs[0].Value != value && len(e.Attrs[0].Value) > most {
			t.Errorf("%q and %q are longer than %d", e.Line, e.Attrs[0].Value, most)
		}
		if v := e.Labels.Get("l"); !utf8.ValidString(v) || len(v) > 1024 || strings.ContainsAny(v, "\n\x00") {
			t.Errorf("the label is %q", v)
		}
	})
}
