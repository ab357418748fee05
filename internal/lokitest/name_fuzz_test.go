package lokitest

import (
	"strings"
	"testing"
	"time"

	protopush "github.com/grafana/loki/pkg/push"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/prometheus/otlptranslator"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// FuzzLabels: whatever labels there can be, Loki's parser makes of what the sink writes what they were, but for U+FFFD,
// which it cannot read.
func FuzzLabels(f *testing.F) {
	for _, v := range pieces {
		f.Add("app", v, "b", v+v)
	}
	f.Add("__name__", "x", "by", "y")
	f.Add("_", "\u0080\u009f\u00ad\u200b\ufeff\ufdd0\U000E0001\U0010FFFF", "inf", "NaN")
	f.Add("a", `"}`, "b", `\u00e4\x41`)
	f.Add("a", strings.Repeat("\uFFFD", 1000), "_", "v")
	f.Add(strings.Repeat("n", 1025), "v", "b", "v")
	c := newCapture(f)
	s := newSink(f, loki.Config{URL: c.URL})
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		l, err := batch.NewLabels(map[string]string{name1: value1, name2: value2})
		if err != nil {
			return // those are none
		}
		text, metadata := written(t, c, s, l)
		if text == "" {
			return
		}
		parsed, err := syntax.ParseLabels(text)
		if err != nil {
			t.Fatalf("Loki cannot parse %q: %v", text, err)
		}
		moved := map[string]string{}
		for _, a := range metadata {
			moved[a.Name] = a.Value
		}
		if parsed.Len()+len(moved) != l.Len() {
			t.Errorf("of %v Loki makes %v and %v", l, parsed, moved)
		}
		for name, value := range l.All() {
			got, want := parsed.Get(name), strings.ReplaceAll(value, "\uFFFD", "?")
			if !parsed.Has(name) {
				got, want = moved[sentName(name)], value
			}
			if got != want {
				t.Errorf("of %s=%q Loki makes %q", name, value, got)
			}
		}
	})
}

// written returns the labels and the metadata of an entry with the labels l; none: it is not sent.
func written(t *testing.T, c *capture, s *loki.Sink, l batch.Labels) (labels string, metadata protopush.LabelsAdapter) {
	t.Helper()
	b := batch.New(nil, l)
	b.Append(time.Unix(1_700_000_000, 0), []byte("x"))
	err := s.Write(t.Context(), b)
	r := c.takeRequest(t)
	if (r == nil) != (err != nil) || err != nil && !sink.IsPermanent(err) {
		t.Fatalf("sent: %v, error: %v", r != nil, err)
	}
	if r == nil {
		return "", nil
	}
	return r.Streams[0].Labels, r.Streams[0].Entries[0].StructuredMetadata
}

// FuzzNames: a name of metadata that is no label name is written as Loki would rewrite it, so that what is checked is what
// is stored.
func FuzzNames(f *testing.F) {
	for _, a := range pieces {
		for _, b := range pieces {
			f.Add(a + b)
		}
	}
	f.Add("")
	f.Add("9.9")
	f.Add("_.a.-_b__")
	f.Add("__a.-b__")
	f.Add("trace.id")
	c := newCapture(f)
	s := newSink(f, loki.Config{URL: c.URL})
	f.Fuzz(func(t *testing.T, name string) {
		b := batch.New(nil, proof)
		b.Append(time.Unix(1_700_000_000, 0), []byte("x"), batch.Attr{Key: name, Value: "v"})
		if err := s.Write(t.Context(), b); err != nil {
			if len(name) < 60<<10 {
				t.Fatal(err)
			}
			return
		}
		got := c.takeRequest(t).Streams[0].Entries[0].StructuredMetadata[0].Name
		if want := sentName(name); got != want {
			t.Errorf("%q is written as %q, want %q", name, got, want)
		}
		// What Loki makes of it is then what it would have made of the original, unless it would have failed.
		namer := &otlptranslator.LabelNamer{}
		stored, err := namer.Build(got)
		if err != nil {
			t.Fatalf("%q is written as %q, on which Loki fails: %v", name, got, err)
		}
		if original, err := namer.Build(name); err == nil && strings.Trim(original, "_") != "" && original != stored {
			t.Errorf("%q is stored as %q in place of %q", name, stored, original)
		}
	})
}
