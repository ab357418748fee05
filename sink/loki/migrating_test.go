package loki

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// words returns the names that MIGRATING.md sets as code.
func words(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, code := range regexp.MustCompile("`[^`\n]+`").FindAllString(string(text), -1) {
		for _, name := range regexp.MustCompile(`\w+`).FindAllString(code, -1) {
			names[name] = true
		}
	}
	return names
}

// TestMigratingNamesEveryField: whoever adds a field to Config says what it was called before.
func TestMigratingNamesEveryField(t *testing.T) {
	names := words(t)
	missing := missingFields(reflect.TypeFor[Config](), names)
	if len(missing) > 0 {
		t.Errorf("MIGRATING.md does not mention %s", strings.Join(missing, ", "))
	}
	if got := missingFields(reflect.TypeFor[Config](), nil); len(got) < 20 {
		t.Errorf("the test looks at %v alone", got)
	}
}

// missingFields returns the fields of a struct, and of those structs of this package in it, that names lacks.
func missingFields(of reflect.Type, names map[string]bool) (missing []string) {
	for _, f := range reflect.VisibleFields(of) {
		if !f.IsExported() {
			continue
		}
		if !names[f.Name] {
			missing = append(missing, of.Name()+"."+f.Name)
		}
		if f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == of.PkgPath() {
			missing = append(missing, missingFields(f.Type, names)...)
		}
	}
	return missing
}
