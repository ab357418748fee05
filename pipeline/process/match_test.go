package process_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var (
	_ pipeline.Processor = (*process.Matcher)(nil)
	_ pipeline.Processor = (*process.Sampler)(nil)
	_ pipeline.Processor = (*process.RateLimiter)(nil)
	_ pipeline.Processor = (*process.Deduper)(nil)
	_ pipeline.Processor = (*process.Truncater)(nil)
	_ pipeline.Processor = (*process.Escaper)(nil)
)

// An item is an entry of a test.
type item struct {
	line   string
	labels batch.Labels
	attrs  []batch.Attr
	at     time.Time
}

// batchOf makes a batch of items, with the labels {app="shop"}.
func batchOf(items ...item) *batch.Batch {
	b := batch.New(&batch.Pool{Poison: true}, batch.MustLabels("app", "shop"))
	for _, x := range items {
		b.Append(x.at, []byte(x.line), x.attrs...)
		b.Entries[len(b.Entries)-1].Labels = x.labels
	}
	return b
}

// left is what a processor leaves of items, and what it counts as dropped.
func left(t testing.TB, p pipeline.Processor, items ...item) (lines []string, drops []batch.Dropped) {
	t.Helper()
	b := batchOf(items...)
	defer b.Settle(nil)
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Entries {
		lines = append(lines, string(e.Line))
	}
	return lines, b.TakeDrops()
}

func TestMatch(t *testing.T) {
	items := []item{
		{line: "a1"},
		{line: "a2 x", labels: batch.MustLabels("app", "mail")},
		{line: "b1", attrs: []batch.Attr{{Key: "level", Value: "warn"}}},
		{line: "b2 x", attrs: []batch.Attr{{Key: "level", Value: "ERROR"}, {Key: "n", Value: "1"}}},
		{line: "b3", labels: batch.MustLabels("app", "shop", "detected_level", "info")},
	}
	for name, test := range map[string]struct {
		cfg  process.MatchConfig
		want string // the lines that match
		kept string // those that Keep keeps, if these are others
	}{
		"contains":     {cfg: process.MatchConfig{Contains: []string{"2 ", "a"}}, want: "a1 a2 b2"},
		"regexp":       {cfg: process.MatchConfig{Regexp: regexp.MustCompile(`^b\d$`)}, want: "b1 b3"},
		"label":        {cfg: process.MatchConfig{Labels: map[string]string{"app": "mail"}}, want: "a2"},
		"no label":     {cfg: process.MatchConfig{Labels: map[string]string{"detected_level": "", "app": "shop"}}, want: "a1 b1 b2"},
		"attribute":    {cfg: process.MatchConfig{Attrs: map[string]string{"n": "1"}}, want: "b2"},
		"no attribute": {cfg: process.MatchConfig{Attrs: map[string]string{"level": ""}}, want: "a1 a2 b3"},
		"severity":     {cfg: process.MatchConfig{MinSeverity: process.SeverityWarn}, want: "b1 b2", kept: "a1 a2 b1 b2"},
		"func":         {cfg: process.MatchConfig{Func: func(e *batch.Entry, l batch.Labels) bool { return l.Get("app") == "mail" || len(e.Attrs) == 2 }}, want: "a2 b2"},
		"all":          {cfg: process.MatchConfig{Contains: []string{"x"}, MinSeverity: process.SeverityWarn, Labels: map[string]string{"app": "shop"}}, want: "b2"},
		"none":         {cfg: process.MatchConfig{Contains: []string{"y"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.kept == "" {
				test.kept = test.want
			}
			check := func(p pipeline.Processor, keep bool, names, reason string) {
				var want []string
				for _, x := range items {
					if strings.Contains(names, x.line[:2]) == keep {
						want = append(want, x.line)
					}
				}
				lines, drops := left(t, p, items...)
				if !slices.Equal(lines, want) {
					t.Errorf("%q are left, want %q", lines, want)
				}
				if n := len(items) - len(want); n == 0 && drops != nil || n > 0 && !slices.Equal(drops, []batch.Dropped{{Reason: reason, Entries: n}}) {
					t.Errorf("counted %v, want %d %s", drops, n, reason)
				}
			}
			check(process.Must(process.Drop(test.cfg)), false, test.want, "matched")
			check(process.Must(process.Keep(test.cfg)), true, test.kept, "unmatched")
			test.cfg.Reason = "why"
			check(process.Must(process.Drop(test.cfg)), false, test.want, "why")
		})
	}
}

func TestMatchConfig(t *testing.T) {
	_, err := process.Drop(process.MatchConfig{Contains: []string{""}, Labels: map[string]string{"a-b": ""}, MinSeverity: 99})
	names(t, err, "process: Drop: Contains", "process: Drop: Labels", "process: Drop: MinSeverity")
	_, err = process.Keep(process.MatchConfig{Reason: "x"})
	names(t, err, "process: Keep: Contains, Regexp")
}

// names checks that an error names fields.
func names(t *testing.T, err error, fields ...string) {
	t.Helper()
	for _, field := range fields {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v: does not name %q", err, field)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for name, cfg := range map[string]process.MatchConfig{
		"Contains":    {Contains: []string{"GET /healthz"}},
		"Labels":      {Labels: map[string]string{"app": "mail"}},
		"MinSeverity": {MinSeverity: process.SeverityError},
		"Regexp":      {Regexp: regexp.MustCompile(`GET /(healthz|readyz)`)},
	} {
		b.Run(name, func(b *testing.B) {
			bench(b, process.Must(process.Drop(cfg)), hadoop, batch.Attr{Key: "level", Value: "info"})
		})
	}
}
