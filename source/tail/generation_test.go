package tail

import (
	"slices"
	"testing"
)

func TestGenerationOf(t *testing.T) {
	for _, c := range []struct {
		file, log string
		form      generationForm
	}{
		{"app.log.1", "app.log", counted},
		{"app.log.12", "app.log", counted},
		{"app.log-1", "app.log", noGeneration},
		{"app.1.log", "app.log", counted},
		{"app-1.log", "app.log", noGeneration}, // as a rule another instance
		{"app-2006-01-02.log", "app.log", dated},
		{"app-2006-01-02T15-04-05.123.log", "app.log", dated},
		{"app.log-20060102", "app.log", dated},
		{"app.log.2006-01-02T15:04:05Z", "app.log", dated},
		{"0.log.20060102-150405", "0.log", dated},
		{"app.log.old", "app.log", worded},
		{"app.old.log", "app.log", worded},
		{"messages-20060102", "messages", dated},
		{"messages.1", "messages", counted},
		{"app.log", "app.log", noGeneration},
		{"app-errors.log", "app.log", noGeneration},
		{"app.log.swp", "app.log", noGeneration},
		{"app.log~", "app.log", noGeneration},
		{"app.log.", "app.log", noGeneration},
		{"app.log.1.gz", "app.log", noGeneration},
		{"app.log1", "app.log", noGeneration},
		{"app.log.1.2", "app.log", noGeneration},
		{"app", "app.log", noGeneration},
		{"app-errors", "app", noGeneration},
		{"app-2", "app", noGeneration},
		{"other.log.1", "app.log", noGeneration},
	} {
		if got := generationOf("/x/"+c.file, "/y/"+c.log); got.form != c.form {
			t.Errorf("%s of %s: got form %d, want %d", c.file, c.log, got.form, c.form)
		}
		if got := slices.Contains(logsOf("/x/"+c.file), "/x/"+c.log); got != (c.form != noGeneration) {
			t.Errorf("%s is of %q: %v", c.file, logsOf("/x/"+c.file), got)
		}
	}
}

func TestGenerationsCompare(t *testing.T) {
	newest := 1
	for _, c := range []struct {
		a, b string
		want int
		ok   bool
	}{
		{".1", ".2", newest, true},
		{".9", ".10", newest, true},
		{".3", ".3", 0, true},
		{"-20260102", "-20260101", newest, true},
		{"-20260102-1", "-20260102", 0, false},
		{".1", "-20260102", 0, false},
		{".old", ".bak", 0, false},
	} {
		a, b := parseGeneration(c.a), parseGeneration(c.b)
		if got, ok := a.compare(b); got != c.want || ok != c.ok {
			t.Errorf("%s, %s: got %d, %v", c.a, c.b, got, ok)
		}
		if got, _ := b.compare(a); got != -c.want {
			t.Errorf("%s, %s the other way: got %d", c.b, c.a, got)
		}
	}
}
