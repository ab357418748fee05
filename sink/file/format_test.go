package file

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

func entryOf(line string, attrs ...batch.Attr) *batch.Entry {
	return &batch.Entry{Time: noon.Add(123456789), Line: []byte(line), Attrs: attrs}
}

func TestFormats(t *testing.T) {
	trace := batch.Attr{Key: "trace", Value: "1\n2"}
	l := batch.MustLabels("app", "shop", "env", `p"q`)
	for _, test := range []struct {
		template string
		json     bool
		e        *batch.Entry
		want     string
	}{
		{"", false, entryOf("plain"), "plain"},
		{"", false, entryOf(""), ""},
		{"", false, entryOf("a\nb\n\nc\r"), `a\nb\n\nc` + "\r"},
		{"", true, entryOf("a \"b\"\n", trace), `{"time":"2026-01-02T12:00:00.123456789Z","line":"a \"b\"\n","labels":{"app":"shop","env":"p\"q"},"attrs":{"trace":"1\n2"}}`},
		{"", true, &batch.Entry{Line: []byte("\xff")}, `{"base64":"/w==","labels":{"app":"shop","env":"p\"q"}}`},
		{"{time} {app} [{none}] {line}", false, entryOf("x\ny"), `2026-01-02T12:00:00.123456789Z shop [] x\ny`},
		{"{time:15:04} {label:env} {attr:trace} {attr:none}|{{{line}}}", false, entryOf("x", trace), `12:00 p"q 1\n2 |{x}`},
		{"{labels} {attrs} {time}", false, &batch.Entry{Attrs: []batch.Attr{trace}}, `{app="shop", env="p\"q"} {"trace":"1\n2"} `},
	} {
		rule := &lineRule{loc: time.UTC}
		if test.template != "" {
			var err error
			if rule, err = newTemplate(test.template, time.UTC); err != nil {
				t.Fatal(err)
			}
		}
		if test.json {
			rule.format = JSON
		}
		if got := string(rule.append(nil, test.e, newLabelSet(l))); got != test.want+"\n" {
			t.Errorf("%q:\n%s\nwant\n%s", test.template, got, test.want)
		}
	}
	if got := string((&lineRule{format: JSON, loc: time.UTC}).append(nil, &batch.Entry{}, newLabelSet(batch.Labels{}))); got != "{\"line\":\"\"}\n" {
		t.Errorf("nothing at all: %s", got)
	}
}

func TestBadTemplates(t *testing.T) {
	for template, want := range map[string]string{
		"{line}\n":  "newline",
		"{line":     "has no }",
		"{line:x}":  "{line:x} is no placeholder",
		"{attr}":    "",
		"{no-name}": `"no-name" cannot be the name of a label`,
	} {
		_, err := newTemplate(template, time.UTC)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", template, err, want)
		}
	}
}

// FuzzFormats: whatever is in an entry, it is one line, and JSON is read back.
func FuzzFormats(f *testing.F) {
	f.Add([]byte("line"), "value", "key", "attr")
	f.Add([]byte("\n\r\x00\xff\u2028"), "\n", "\n", "\xff")
	f.Add([]byte(`\n`), "{", "}", "{line}")
	template, err := newTemplate("{time} {app} {attr:a} {attrs} {labels} {line}", time.UTC)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte, value, key, attr string) {
		l, err := batch.NewLabels(map[string]string{"app": value})
		if err != nil {
			t.Skip()
		}
		e := &batch.Entry{Time: noon, Line: line, Attrs: []batch.Attr{{Key: key, Value: attr}, {Key: "a", Value: attr}}}
		set := newLabelSet(l)
		for _, rule := range []*lineRule{{}, {format: JSON, loc: time.UTC}, template} {
			got := rule.append([]byte("before\n"), e, set)
			if bytes.Count(got, []byte("\n")) != 2 || !bytes.HasSuffix(got, []byte("\n")) {
				t.Fatalf("%q", got)
			}
			if rule.format != JSON {
				continue
			}
			var j jsonLine
			if err := json.Unmarshal(got[len("before\n"):], &j); err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			if back := j.entry(t); !bytes.Equal(back.Line, line) || back.Labels != l || !back.Time.Equal(noon) {
				t.Fatalf("%q is read back from %q", back.Line, got)
			}
		}
	})
}
