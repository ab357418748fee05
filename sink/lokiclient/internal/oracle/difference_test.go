package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// one pushes a single entry with both clients and returns the labels and the metadata that arrived. Ours may refuse it.
func one(t *testing.T, cfg config, e entry) (theirs, ours string, refused error) {
	t.Helper()
	r := newRecorder(t)
	cfg.url, cfg.batch, cfg.tries = r.endpoint(), 1<<20, 1
	if e.Nanos == 0 {
		e.Nanos = start.UnixNano()
	}
	if err := pushArchived(cfg, []entry{e}); err != nil {
		t.Fatal(err)
	}
	theirs = text(r.take())
	refused = pushLogferry(cfg, []entry{e})
	return theirs, text(r.take()), refused
}

// text is the labels and the metadata of the only entry.
func text(reqs []request) string {
	if len(reqs) == 0 {
		return "nothing"
	}
	s := reqs[0].push.Streams[0]
	out := s.Labels
	for _, m := range s.Entries[0].StructuredMetadata {
		out += " " + m.Name + "=" + m.Value
	}
	return out
}

// TestDifferences: where sink/loki does not send what loki-client-go sends, and why not.
func TestDifferences(t *testing.T) {
	app := map[string]string{"app": "a"}
	line := []byte("line")
	for _, tc := range []struct {
		why          string
		cfg          config
		entry        entry
		theirs, ours string
	}{
		{"Loki acknowledges and drops it", config{}, entry{Line: line}, "{}", "nothing"},
		{"Loki refuses all streams of the request", config{}, entry{Labels: map[string]string{"a": "\ufffd"}, Line: line}, "{a=\"\ufffd\"}", `{a="?"}`},
		{"labels are UTF-8", config{}, entry{Labels: map[string]string{"a": "\xff"}, Line: line}, `{a="\xff"}`, "nothing"},
		{"Loki refuses all streams of the request", config{}, entry{Labels: map[string]string{"a.b": "c"}, Line: line}, `{a.b="c"}`, "nothing"},
		{"Loki refuses all streams of the request", config{}, entry{Labels: app, Line: line, Metadata: []pair{{"日本", "1"}}},
			`{app="a"} 日本=1`, `{app="a"} unnamed=1`},
		{"Loki makes the same of it", config{}, entry{Labels: app, Line: line, Metadata: []pair{{"http.method", "GET"}, {"9", "1"}}},
			`{app="a"} http.method=GET 9=1`, `{app="a"} http_method=GET key_9=1`},
		{"Loki drops it alone", config{}, entry{Labels: app, Line: bytes.Repeat(line, 100_000)}, `{app="a"}`, "nothing"},
		{"Loki drops it alone", config{}, entry{Labels: map[string]string{"a": strings.Repeat("x", 2049)}, Line: line},
			`{a="` + strings.Repeat("x", 2049) + `"}`, "nothing"},
		{"an empty label is none", config{}, entry{Labels: map[string]string{"app": "a", "b": ""}, Line: line}, `{app="a", b=""}`, `{app="a"}`},
		{"an empty label hides no external one", config{external: labelFlag{"b": "x"}}, entry{Labels: map[string]string{"app": "a", "b": ""}, Line: line},
			`{app="a", b=""}`, `{app="a", b="x"}`},
	} {
		theirs, ours, refused := one(t, tc.cfg, tc.entry)
		if theirs != tc.theirs || ours != tc.ours || (refused != nil) != (tc.ours == "nothing") {
			t.Errorf("%s: loki-client-go sends %.200s, want %.200s; logferry %.200s, want %.200s; error %v",
				tc.why, theirs, tc.theirs, ours, tc.ours, refused)
		}
	}
}

// TestUnparsableLabels: the labels of which TestDifferences says that Loki refuses them are refused by the parser that
// loki-client-go links, too.
func TestUnparsableLabels(t *testing.T) {
	for text, good := range map[string]bool{
		"{a=\"\ufffd\"}": false, `{a.b="c"}`: false, `{a="?"}`: true, `{a=""}`: true,
	} {
		if _, err := parser.ParseMetric(text); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestBatchSize: to loki-client-go the size of a batch is that of its lines, so that what has none is never cut. sink/loki
// counts the request.
func TestBatchSize(t *testing.T) {
	var es []entry
	for i := range 2000 {
		es = append(es, entry{
			Labels:   map[string]string{"app": "shop"},
			Nanos:    start.Add(time.Duration(i)).UnixNano(),
			Metadata: []pair{{"trace_id", strings.Repeat("x", 100)}},
		})
	}
	const limit = 10_000
	theirs, ours := both(t, config{batch: limit}, es)
	if len(theirs) != 1 || len(theirs[0].message) < 20*limit {
		t.Errorf("loki-client-go: %d requests, the first of %d bytes", len(theirs), len(theirs[0].message))
	}
	for _, r := range ours {
		if len(r.message) > limit {
			t.Errorf("logferry: a request of %d bytes, limit %d", len(r.message), limit)
		}
	}
	compare(t, "logferry", streamsOf(t, ours), streamsOf(t, theirs))
}
