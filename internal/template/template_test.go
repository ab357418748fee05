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
