package template

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for template, want := range map[string][]Piece{
		"":                       nil,
		"text":                   {{Text: "text"}},
		"{app}/{time:15:04}.log": {{Verb: "app"}, {Text: "/"}, {Verb: "time", Arg: "15:04"}, {Text: ".log"}},
		"{{{a}}}{{}}":            {{Text: "{"}, {Verb: "a"}, {Text: "}{}"}},
		"{a}{b}":                 {{Verb: "a"}, {Verb: "b"}},
	} {
		if got, err := Parse(template); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", template, got, err, want)
		}
	}
	for template, want := range map[string]string{
		"{a":    "has no }",
		"a}":    "has no {",
		"a}{b}": "has no {",
		"{}":    "{} is no placeholder",
		"{:a}":  "{:a} is no placeholder",
		"{a:}":  "{a:} is no placeholder",
		"{a{b}": "{a{b} is no placeholder",
	} {
		if got, err := Parse(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", template, got, err, want)
		}
	}
}

// A word alone is a label, also one that could have an argument.
func TestLabel(t *testing.T) {
	for placeholder, want := range map[string]string{
		"{app}": "app", "{label:app}": "app", "{label:date}": "date", "{label}": "label", "{attr}": "attr", "{label:label}": "label",
		"{app:x}": "", "{attr:x}": "",
	} {
		pieces, err := Parse(placeholder)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pieces[0].Label()
		if got != want || (err == nil) != (want != "") || err != nil && err.Error() != placeholder+" is no placeholder" {
			t.Errorf("%s: %q, %v; want %q", placeholder, got, err, want)
		}
	}
}

// A template that was taken apart says what it said.
func FuzzParse(f *testing.F) {
	f.Add("{app}/{{x}}{time:15:04}")
	f.Fuzz(func(t *testing.T, template string) {
		pieces, err := Parse(template)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, p := range pieces {
			if p.Verb == "" {
				again.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.Text))
			} else {
				again.WriteString(p.Placeholder())
			}
		}
		if again.String() != template {
			t.Errorf("%q became %q", template, again.String())
		}
	})
}
